"""Python itself as the oracle: a stored call means what the same call of the function means."""

from collections.abc import Callable
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from jobqueue.domain.arguments import ArgumentsMismatch, Parameters, encode, loose
from jobqueue.domain.errors import InvalidJob

# Each returns everything that it was given.
SIGNATURES: list[Callable[..., Any]] = [
    lambda: "nothing",
    lambda a: [a],
    lambda a, b=2: [a, b],
    lambda a, /, b=2: [a, b],
    lambda a, b=2, /, c=3: [a, b, c],
    lambda a=1, b=2, c=3, /: [a, b, c],
    lambda *, a, b=2: [a, b],
    lambda a, *, b: [a, b],
    lambda a, b=2, *rest: [a, b, *rest],
    lambda *rest, a=1: [a, *rest],
    lambda a, /, *rest, b=2: [a, b, *rest],
    lambda a=1, **more: [a, more],
    lambda a, /, b=2, **more: [a, b, more],
    lambda *rest, **more: [rest, more],
    lambda a, /, b, *rest, c, d=4, **more: [a, b, rest, c, d, more],
]

functions = st.sampled_from(SIGNATURES)
values = st.none() | st.integers() | st.text("*ab") | st.lists(st.integers(), max_size=2)
positional = st.lists(values, max_size=5)
named = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "z"]), values, max_size=4)


def python(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return what the function returns; its refusal where it can't be called like this."""
    try:
        return function(*args, **kwargs)
    except TypeError:
        return TypeError


def stored(function: Callable[..., Any], arguments: dict[str, Any], parameters: Parameters) -> Any:
    """Return what the function returns after the arguments went through JSON."""
    args, kwargs = parameters.decode(encode(arguments, 1 << 20))
    return function(*args, **kwargs)


def plain(value: Any) -> Any:
    """Return a value without the difference between lists and tuples, which JSON has not."""
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def by_place(function: Callable[..., Any]) -> set[str]:
    """Return the names that are positional only."""
    return set(function.__code__.co_varnames[: function.__code__.co_posonlyargcount])


@given(functions, positional, named)
def test_bound_call(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> None:
    """What Python takes we take, with the same result; what it refuses is refused at enqueue."""
    # Python lets **more have such a name; one JSON object can't.
    assume(not by_place(function) & kwargs.keys())
    parameters = Parameters(function)
    expected = python(function, args, kwargs)
    try:
        bound = parameters.bind(args, kwargs)
    except InvalidJob:
        assert expected is TypeError
    else:
        assert plain(stored(function, bound, parameters)) == plain(expected)


@given(functions, positional, named)
def test_call_by_name(
    function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
) -> None:
    """Without the handler's code the answer comes on the worker, and is the same."""
    code = function.__code__
    places = set(code.co_varnames[: code.co_argcount])
    assume(not by_place(function) & kwargs.keys())
    # Then nobody can tell them from the rest that the handler's own code would have stored.
    assume(not (args and places <= kwargs.keys()))
    parameters = Parameters(function)
    expected = python(function, args, kwargs)
    try:
        found = stored(function, loose(args, kwargs), parameters)
    except ArgumentsMismatch:
        assert expected is TypeError
    else:
        assert plain(found) == plain(expected)
