"""JSON as both Redis and PostgreSQL can hold it, and everything that is refused."""

import datetime as dt
import enum
import math
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.domain import codec
from jobqueue.domain.codec import NotJson, encode, storable

NAN = float("nan")


class Colour(enum.Enum):
    """An enum whose values are not all JSON."""

    RED = "r"
    NONE = None
    ODD = NAN


class Model(pydantic.BaseModel):
    """A pydantic model."""

    price: float
    note: str | None = None


class Struct(msgspec.Struct):
    """A msgspec struct."""

    price: float | None


@dataclass
class Line:
    """A dataclass."""

    price: Any


class Text(str):
    """A string that is more than one."""

    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        {1: 2, "1": 3},
        {"rows": [{dt.date(2030, 1, 1): 1, "2030-01-01": 2}]},
        [{Colour.RED: 1, "r": 2}],
        Line({1.5: 1, "1.5": 2}),
    ],
)
def test_keys_that_become_one(value: Any) -> None:
    """Python tells 1 from "1", JSON does not: nothing is dropped without a word."""
    with pytest.raises(NotJson, match=r"the key '.*' stands twice in one object"):
        encode(value)


@pytest.mark.parametrize(
    "value",
    [{1: 2, "2": 3}, {"a": {"a": {"a": 1}}}, [{"a": 1}, {"a": 1}], {}, {"a": '{"a":1,"a":2}'}],
)
def test_keys_that_stay_apart(value: Any) -> None:
    """Equal keys of different objects are two keys."""
    assert msgspec.json.decode(encode(value), strict=False) == msgspec.to_builtins(
        value, str_keys=True
    )


def test_raw_json_may_have_spaces() -> None:
    """JSON that the caller has written himself is looked through, not taken for doubled."""
    assert encode({"a": {"b": msgspec.Raw(b'{"c": 1,   "d": 2}')}})
    with pytest.raises(NotJson, match="the key 'c'"):
        encode({"a": {"b": msgspec.Raw(b'{"c": 1, "c": 2}')}})


def nested(depth: int, inner: Any = 1) -> Any:
    """Return a value inside ``depth`` lists."""
    for _ in range(depth):
        inner = [inner]
    return inner


def looped() -> Any:
    """Return a value that contains itself."""
    value: dict[str, Any] = {"a": 1}
    value["b"] = [value]
    return value


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        (None, b"null"),
        ([None, True, 1, 0.5, "é"], '[null,true,1,0.5,"é"]'.encode()),
        ({"a": {"b": []}}, b'{"a":{"b":[]}}'),
        (OrderedDict(b=1, a=2), b'{"b":1,"a":2}'),
        (defaultdict(list, a=[1]), b'{"a":[1]}'),
        ((1, (2,)), b"[1,[2]]"),
        ({5}, b"[5]"),
        (frozenset(), b"[]"),
        (2**64, b"18446744073709551616"),
        (-(10**40), b"-1" + b"0" * 40),
        (Decimal("1.10"), b'"1.10"'),
        (dt.datetime(2026, 3, 1, tzinfo=dt.UTC), b'"2026-03-01T00:00:00Z"'),
        (dt.timedelta(hours=1), b'"PT3600S"'),
        (UUID(int=0), b'"00000000-0000-0000-0000-000000000000"'),
        (b"\x00\xff", b'"AP8="'),
        (bytearray(b"a"), b'"YQ=="'),
        ({1: 2, 2**70: 3}, b'{"1":2,"1180591620717411303424":3}'),
        ({1.5: 1}, b'{"1.5":1}'),
        ({Colour.RED: Colour.RED}, b'{"r":"r"}'),
        ({UUID(int=0): 1}, b'{"00000000-0000-0000-0000-000000000000":1}'),
        ({dt.date(2026, 3, 1): 1}, b'{"2026-03-01":1}'),
        (Colour.NONE, b"null"),
        (Model(price=1), b'{"price":1.0,"note":null}'),
        (Struct(None), b'{"price":null}'),
        (Line({"a": None}), b'{"price":{"a":null}}'),
        ("\\u0000", b'"\\\\u0000"'),
        ("null", b'"null"'),
        (nested(500, None), b"[" * 500 + b"null" + b"]" * 500),
    ],
)
def test_encoded(value: Any, raw: bytes) -> None:
    """JSON's own types and those that have a faithful form in it."""
    assert encode(value) == raw


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (NAN, "it holds nan"),
        (math.inf, "it holds inf"),
        (-math.inf, "it holds -inf"),
        ([{"a": (1, NAN)}], "it holds nan"),
        ({1: {NAN}}, "it holds nan"),
        (Colour.ODD, "it holds nan"),
        (Model(price=NAN), "it holds nan"),
        (Struct(NAN), "it holds nan"),
        (Line([NAN, None]), "it holds nan"),
        ("a\0b", "NUL"),
        ({"a\0": 1}, "NUL"),
        ({"a": [{"b": "\0"}]}, "NUL"),
        (Model(price=1, note="\0"), "NUL"),
        ("\ud800", "lone surrogate"),
        ({"\udfff": 1}, "lone surrogate"),
        (Line("\ud83d"), "lone surrogate"),
        (looped(), "contains itself"),
        (nested(100_000), "nested too deeply"),
        (nested(100_000, None), "nested too deeply"),
        ({(1, 2): 3}, "a tuple is not a key in JSON"),
        ({None: 1}, "a NoneType is not a key in JSON"),
        ({True: 1}, "a bool is not a key in JSON"),
        (object(), "a object is not JSON"),
        (1j, "a complex is not JSON"),
        (int, "a type is not JSON"),
        (Text("x"), "a Text is not JSON"),
        (deque([1]), "a deque is not JSON"),
        (range(3), "a range is not JSON"),
        (iter([1]), "a list_iterator is not JSON"),
        (ValueError("x"), "a ValueError is not JSON"),
        (msgspec.UNSET, "a UnsetType is not JSON"),
        (msgspec.Raw(b"null"), "a Raw is not JSON"),
        (10**5000, "4300 digits"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else type(value).__name__,
)
def test_refused(value: Any, words: str) -> None:
    """What has no faithful form is refused, wherever it stands; the message says why."""
    with pytest.raises(NotJson, match=words):
        encode(value)


def test_no_depth_is_a_recursion_error() -> None:
    """Near the interpreter's limit, too, a value is encoded or refused."""
    refused = 0
    for depth in range(800, 1100):
        try:
            encode(nested(depth, None))
        except NotJson:
            refused += 1
    assert 0 < refused < 300


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("x"), AttributeError("x")])
def test_serialiser_that_fails(error: Exception) -> None:
    """What a model's own serialiser raises comes through: who calls it knows whose it is."""

    class Own:
        def model_dump(self, **_options: Any) -> Any:
            raise error

    with pytest.raises(type(error), match="x"):
        encode([Own()])


def plain_json(floats: st.SearchStrategy[float], text: st.SearchStrategy[str]) -> Any:
    """Return a strategy of JSON values with these leaves."""
    leaves = st.none() | st.booleans() | st.integers() | floats | text
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(text, inner))


def holds(value: Any, test: Callable[[Any], bool]) -> bool:
    """Say whether a value or a part of it passes a test."""
    if isinstance(value, dict):
        return any(holds(part, test) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(holds(part, test) for part in value)
    return test(value)


@given(plain_json(st.floats(), st.text(st.characters(codec=None))))
def test_all_or_nothing(value: Any) -> None:
    """A value comes back as it was, or it holds something that JSON or PostgreSQL has not."""

    def foreign(part: Any) -> bool:
        if isinstance(part, str):
            return any(c == "\0" or "\ud800" <= c <= "\udfff" for c in part)
        return isinstance(part, float) and not math.isfinite(part)

    try:
        raw = encode(value)
    except NotJson:
        assert holds(value, foreign)
    else:
        assert not holds(value, foreign)
        assert msgspec.json.decode(raw) == value


@pytest.mark.parametrize(
    ("kind", "value", "made"),
    [(object, 1, 1), (Model, {"price": 1}, Model(price=1)), (dict, {"a": 1}, {"a": 1})],
)
def test_make(kind: Any, value: Any, made: Any) -> None:
    """A pydantic model is made of its JSON; what fits already is left as it is."""
    assert codec.can_make(kind)
    assert codec.make(kind, value) == made


def test_can_t_be_made() -> None:
    """Any other class is refused by name."""
    assert not codec.can_make(deque)
    with pytest.raises(TypeError, match="can't make a deque from JSON"):
        codec.make(deque, [1])


def test_storable_keeps_what_is_fine() -> None:
    """Text within the limit stays as it is."""
    assert storable("é€😀\n", 10) == "é€😀\n"


def test_storable_shows_what_postgresql_refuses() -> None:
    """NUL and lone surrogates become escapes, so that an error can always be stored."""
    assert storable("a\0b\ud800c", 100) == "a\\x00b\\ud800c"


@given(st.text(st.characters(codec=None), max_size=400), st.integers(0, 500))
def test_storable_is_storable(text: str, limit: int) -> None:
    """Any text comes out without NUL, as UTF-8, and not longer than the limit or the note."""
    found = storable(text, limit)
    assert "\0" not in found
    assert len(found.encode()) <= max(limit, len("\n... 99999 bytes left out ...\n"))


def test_storable_keeps_head_and_tail() -> None:
    """Of a long text the middle goes, and the note says how much of it."""
    found = storable("head" + "x" * 1000 + "tail", 100)
    head, note, tail = found.splitlines()
    assert note == f"... {1008 - len(head) - len(tail)} bytes left out ..."
    assert head.startswith("head")
    assert tail.endswith("tail")
    assert 90 <= len(found.encode()) <= 100
