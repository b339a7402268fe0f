"""Handlers: where each kind of function runs, and what can't be one."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from jobqueue import ConfigurationError, JobQueue
from jobqueue.domain.handlers import Handler, Kind, Registry, kind_of


def plain(x: int) -> int:
    """Run in a thread."""
    return x


async def awaited(x: int) -> int:
    """Run on the loop."""
    return x


def generator() -> Iterator[int]:
    """Yield."""
    yield 1


async def async_generator() -> AsyncIterator[int]:
    """Yield."""
    yield 1


class Callable_:  # noqa: N801 - it stands for any class with this method
    """An object that can be called."""

    def __call__(self) -> None:
        """Do nothing."""

    def method(self, x: int) -> int:
        """Run in a thread, with its object."""
        return x


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap as decorators do."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    ("function", "process", "kind"),
    [
        (plain, False, Kind.THREAD),
        (awaited, False, Kind.ASYNC),
        (plain, True, Kind.PROCESS),
        (awaited, True, Kind.PROCESS),
        (Callable_().method, False, Kind.THREAD),
        (wrapped(plain), False, Kind.THREAD),
        (lambda: None, False, Kind.THREAD),
    ],
)
def test_kind(function: Any, *, process: bool, kind: Kind) -> None:
    """Async functions run on the loop, others in threads, ``process=True`` in a child."""
    assert kind_of(function, process=process) is kind


@pytest.mark.parametrize("process", [False, True])
@pytest.mark.parametrize("function", [generator, async_generator])
def test_generators_are_refused(function: Any, *, process: bool) -> None:
    """A handler returns once; the error says what to do instead."""
    with pytest.raises(ConfigurationError, match=rf"{function.__name__}: it yields; .* collect"):
        kind_of(function, process=process)


def local() -> Callable[[], None]:
    """Return a function that has no name in its module."""

    def inner() -> None:
        """Do nothing."""

    return inner


@pytest.mark.parametrize("function", [local(), lambda: None])
def test_process_handler_without_a_name(function: Any) -> None:
    """A child imports its handler by name."""
    with pytest.raises(ConfigurationError, match="process=True needs a function at module level"):
        kind_of(function, process=True)


@pytest.mark.parametrize(
    "function",
    [
        functools.partial(plain, 1),
        Callable_(),
        Callable_,
        staticmethod(plain),
        print,
        5,
        JobQueue().job(name="other")(plain),
    ],
)
def test_no_function(function: Any) -> None:
    """A handler is a function, so that it has a name, parameters and a place in the code."""
    with pytest.raises(ConfigurationError, match=r"made with def or async def"):
        kind_of(function, process=False)


def handler(name: str, function: Callable[..., Any] = plain) -> Handler:
    """Return a handler of that name."""
    return Handler(name, function, Kind.THREAD)


def test_registry_is_a_mapping() -> None:
    """Names in the order of declaration."""
    registry = Registry()
    registry.add(handler("b"))
    registry.add(handler("a", awaited))
    assert list(registry) == ["b", "a"]
    assert len(registry) == 2
    assert registry["a"].function is awaited
    assert "c" not in registry
    with pytest.raises(KeyError):
        registry["c"]


def test_name_is_taken_once() -> None:
    """The error names both functions and the way out; the first one stays."""
    registry = Registry()
    registry.add(handler("a"))
    with pytest.raises(ConfigurationError) as caught:
        registry.add(handler("a", awaited))
    here = __name__
    assert str(caught.value) == (
        f"job 'a' is declared twice: by {here}.plain and by {here}.awaited; "
        "give one of them name='...'"
    )
    assert registry["a"].function is plain


def test_wrong_annotation_is_not_registered() -> None:
    """A handler that no job could fit is refused whole."""

    def hopeless(x: int | str | bytes) -> None:
        """Take what JSON can't tell apart."""

    registry = Registry()
    with pytest.raises(ConfigurationError, match="hopeless"):
        registry.add(handler("a", hopeless))
    assert not registry


def test_returns() -> None:
    """What a function returns is what its annotation says."""

    def silent(x: int):  # type: ignore[no-untyped-def] # noqa: ANN202 - says nothing
        """Say nothing of what comes back."""

    assert handler("a", awaited).returns is int
    assert handler("a", silent).returns is Any
