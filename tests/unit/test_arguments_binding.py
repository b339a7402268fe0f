"""Binding a call to a handler's parameters, as Python itself would, before anything is stored."""

from collections.abc import Callable
from typing import Any

import pytest

from jobqueue.domain.arguments import Parameters, encode, loose
from jobqueue.domain.errors import InvalidJob


def plain(a: Any, b: Any = 2) -> None:
    """Take two."""


def positional_only(a: Any, b: Any = 2, /, c: Any = 3) -> None:
    """Take two that have no name for callers, and one that has."""


def keyword_only(*, a: Any, b: Any = 2) -> None:
    """Take two by name."""


def star(a: Any, b: Any = 2, *rest: Any, k: Any = 1) -> None:
    """Take any number."""


def open_ended(a: Any = 0, /, b: Any = 1, **more: Any) -> None:
    """Take any name."""


def nothing() -> None:
    """Take nothing."""


Handler = Callable[..., None]


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "bound"),
    [
        (nothing, (), {}, {}),
        (plain, (1,), {}, {"a": 1}),
        (plain, (1, 5), {}, {"a": 1, "b": 5}),
        (plain, (), {"b": 5, "a": 1}, {"a": 1, "b": 5}),
        (plain, (None,), {"b": None}, {"a": None, "b": None}),
        (positional_only, (1,), {"c": 5}, {"a": 1, "c": 5}),
        (positional_only, (1, 4, 5), {}, {"a": 1, "b": 4, "c": 5}),
        (keyword_only, (), {"a": 1}, {"a": 1}),
        (star, (1,), {"k": 9}, {"a": 1, "k": 9}),
        (star, (1, 4, 5, 6), {}, {"a": 1, "b": 4, "*": [5, 6]}),
        (open_ended, (1,), {"z": 5, "": 6}, {"a": 1, "z": 5, "": 6}),
        (open_ended, (), {"b": 5}, {"b": 5}),
    ],
)
def test_bound(
    function: Handler, args: tuple[Any, ...], kwargs: dict[str, Any], bound: dict[str, Any]
) -> None:
    """Arguments get their names; defaults stay with the worker's code."""
    assert Parameters(function).bind(args, kwargs) == bound


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "argument", "words"),
    [
        (plain, (), {}, "a", "missing"),
        (keyword_only, (), {"b": 1}, "a", "missing"),
        (positional_only, (), {"c": 1}, "a", "missing"),
        (star, (), {"k": 1}, "a", "missing"),
        (plain, (1, 2, 3), {}, "arguments", "takes 2 positional arguments, not 3"),
        (keyword_only, (1,), {}, "arguments", "takes 0 positional arguments, not 1"),
        (plain, (1,), {"a": 1}, "a", "given twice"),
        (star, (1, 2, 3), {"b": 1}, "b", "given twice"),
        (plain, (1,), {"bb": 1}, "bb", "did you mean 'b'?"),
        (plain, (1,), {"nothing_like_it": 1}, "nothing_like_it", "write one of a, b"),
        (nothing, (), {"x": 1}, "x", "takes no argument by name"),
        (positional_only, (), {"a": 1}, "a", "only by its place"),
        (open_ended, (), {"a": 1}, "a", "only by its place"),
        (open_ended, (1,), {"a": 1}, "a", "only by its place"),
        (open_ended, (), {"*": 1}, "*", "can't be the name"),
    ],
)
def test_refused(
    function: Handler, args: tuple[Any, ...], kwargs: dict[str, Any], argument: str, words: str
) -> None:
    """The error names the argument and the handler, and says what would be right."""
    with pytest.raises(InvalidJob) as caught:
        Parameters(function).bind(args, kwargs)
    assert caught.value.argument == argument
    assert words in caught.value.problem
    assert str(caught.value) == f"{argument}: {caught.value.problem}"


def test_bound_methods_leave_self_out() -> None:
    """A bound method is called without its object."""

    class Shop:
        def sell(self, item: str) -> str:
            return item

    assert Parameters(Shop().sell).bind(("tea",), {}) == {"item": "tea"}


def test_loose() -> None:
    """Without the handler's code, positional arguments stand in a list."""
    assert loose((), {"a": 1}) == {"a": 1}
    assert loose((1, 2), {"a": 1}) == {"a": 1, "*": [1, 2]}


@pytest.mark.parametrize("args", [(), (1,)])
def test_loose_star_as_a_name(args: tuple[Any, ...]) -> None:
    """The name of that list is taken."""
    with pytest.raises(InvalidJob, match="can't be the name"):
        loose(args, {"*": [2]})


def test_size_limit() -> None:
    """The limit is the largest accepted size; the error says how large and what to do."""
    assert encode({"a": "xx"}, 10) == b'{"a":"xx"}'
    with pytest.raises(InvalidJob, match=r"10 bytes as JSON, above the limit of 9 .*its key"):
        encode({"a": "xx"}, 9)


def test_size_is_counted_in_bytes() -> None:
    """Characters outside ASCII count as the bytes that they take."""
    assert len(encode({"a": "é€😀"}, 17)) == 17
    with pytest.raises(InvalidJob, match="17 bytes"):
        encode({"a": "é€😀"}, 16)


def test_blame_names_the_argument() -> None:
    """Among several arguments the error names the one that can't be stored."""
    with pytest.raises(InvalidJob) as caught:
        encode({"fine": 1, "price": float("nan"), "also": 2}, 100)
    assert str(caught.value) == "price: it holds nan, which JSON does not have"


def test_blame_counts_positional_arguments() -> None:
    """Where there is no name, the place says which one it is."""
    with pytest.raises(InvalidJob) as caught:
        encode({"*": [1, object()]}, 100)
    assert str(caught.value) == "positional argument 2: a object is not JSON"


def test_blame_of_a_name() -> None:
    """The name itself may be what can't be stored."""
    with pytest.raises(InvalidJob, match="arguments: a string in it holds NUL"):
        encode({"a\0": 1}, 100)


def test_serialiser_that_fails() -> None:
    """Whatever a model's own serialiser raises becomes a refusal that names the argument."""

    class Order:
        def model_dump(self, **_options: Any) -> Any:
            raise LookupError("no such field")

    with pytest.raises(InvalidJob) as caught:
        encode({"fine": 1, "order": Order()}, 100)
    assert str(caught.value) == "order: its serialiser raised LookupError: no such field"
    assert isinstance(caught.value.__cause__, LookupError)
