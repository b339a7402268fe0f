"""Annotations written as text, and calls by name from programs without the handler's code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from jobqueue.domain.annotations import hints
from jobqueue.domain.arguments import ArgumentsMismatch, Parameters, encode, loose
from jobqueue.domain.errors import ConfigurationError

if TYPE_CHECKING:
    import decimal
    from datetime import date
    from decimal import Decimal

import datetime as dt


@dataclass
class Point:
    """A class that is there at run time."""

    x: int


@dataclass
class Broken:
    """A class whose field is not."""

    price: Decimal


def forward(point: Point, later: Later | None = None) -> Any:
    """Take a class that is declared further down."""
    return point, later


@dataclass
class Later:
    """Declared after its use."""

    y: int


def half_known(point: Point, day: date, price: decimal.Decimal, when: dt.nothing) -> date:  # type: ignore[name-defined]
    """Take two that only type checkers know, and one that nobody knows."""
    raise AssertionError(point, day, price, when)


def wrong_text(value: "no type") -> None:  # type: ignore[valid-type] # noqa: F722 - wrong on purpose
    """Take what can't be read."""


def broken(value: Broken) -> None:
    """Take a class that can't be read."""


def test_forward_references() -> None:
    """Annotations as text mean the same as others."""
    args, kwargs = Parameters(forward).decode(b'{"point": {"x": 1}, "later": {"y": 2}}')
    assert forward(*args, **kwargs) == (Point(1), Later(2))


def test_names_of_type_checkers_only() -> None:
    """An argument whose type is not there at run time goes unchecked; the others do not."""
    decode = Parameters(half_known).decode
    raw = b'{"point": {"x": 1}, "day": "2026-01-01", "price": 5, "when": null}'
    assert decode(raw) == ([Point(1), "2026-01-01", 5, None], {})
    assert hints(half_known) == {"point": Point}
    with pytest.raises(ArgumentsMismatch, match=r"at `\$.point.x`"):
        decode(raw.replace(b'"x": 1', b'"x": "1"'))


@pytest.mark.parametrize(
    ("function", "words"), [(wrong_text, "no type"), (broken, "'Decimal' is not defined")]
)
def test_annotation_that_can_t_be_read(function: Any, words: str) -> None:
    """Text that is no type, or a class with an unknown field, is refused when it is declared."""
    with pytest.raises(ConfigurationError, match=f"{function.__name__}.*annotations.*{words}"):
        Parameters(function)


def called(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Store a call by name, read it with the handler's code and make it."""
    raw = encode(loose(args, kwargs), 1000)
    args, kwargs = Parameters(function).decode(raw)  # type: ignore[assignment]
    return function(*args, **kwargs)


def two(a: Any, b: int = 2) -> Any:
    """Take two."""
    return a, b


def only(a: Any, b: int = 2, /) -> Any:
    """Take two by place."""
    return a, b


def many(a: Any, b: int = 2, *rest: Point, k: int = 1) -> Any:
    """Take any number."""
    return a, b, rest, k


def named(*, a: Any) -> Any:
    """Take one by name."""
    return a


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "result"),
    [
        (two, (1,), {}, (1, 2)),
        (two, (1, 5), {}, (1, 5)),
        (two, (1,), {"b": 5}, (1, 5)),
        (two, (), {"b": 5, "a": 1}, (1, 5)),
        (two, (2**70,), {}, (2**70, 2)),
        (only, (1, 5), {}, (1, 5)),
        (many, (1, 5, {"x": 1}), {"k": 3}, (1, 5, (Point(1),), 3)),
        (many, (1,), {"b": 5}, (1, 5, (), 1)),
    ],
)
def test_positional_arguments_find_their_names(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> None:
    """A call by name means what the same call of the function means."""
    assert called(function, *args, **kwargs) == result


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "words"),
    [
        (two, (1,), {"a": 1}, "'a' was given twice"),
        (two, (1, 2, 3), {}, "1 positional arguments too many"),
        (two, (1,), {"a": 1, "b": 2}, "1 positional arguments too many"),
        (two, (1, "x"), {}, r"Expected `int`, got `str` - at `\$.b`"),
        (two, (), {"b": 1}, "missing required field `a`"),
        (two, (1,), {"c": 1}, "unknown field `c`"),
        (named, (1,), {}, "1 positional arguments too many"),
        (many, (1, 2), {"b": 5}, "'b' was given twice"),
    ],
)
def test_call_that_does_not_fit(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], words: str
) -> None:
    """What Python would refuse is a mismatch: no argument lands where it was not meant to."""
    with pytest.raises(ArgumentsMismatch, match=f"^{function.__name__}: {words}|{words}"):
        called(function, *args, **kwargs)


@pytest.mark.parametrize("rest", ["5", '"xy"', '{"a": 1}', "null"])
def test_list_of_arguments_is_no_list(rest: str) -> None:
    """Another program may have written anything under the marker."""
    with pytest.raises(ArgumentsMismatch, match="Expected `array`"):
        Parameters(two).decode(b'{"*": %b}' % rest.encode())
