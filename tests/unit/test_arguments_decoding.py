"""Decoding stored arguments into a handler's annotations, or saying that they don't fit."""

import datetime as dt
import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest

from jobqueue.domain.arguments import ArgumentsMismatch, Parameters, encode
from jobqueue.domain.errors import ConfigurationError

LIMIT = 1 << 20
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


class Colour(enum.Enum):
    """By value."""

    RED = "r"


class Level(enum.IntEnum):
    """By number."""

    HIGH = 2


class Model(pydantic.BaseModel):
    """A pydantic model."""

    number: int
    when: dt.datetime | None = None


class Aliased(pydantic.BaseModel):
    """A model that goes by other names outside."""

    user_id: int = pydantic.Field(alias="userId")


class Strict(pydantic.BaseModel):
    """A model that takes a date for a date only, unless it comes from JSON."""

    model_config = pydantic.ConfigDict(strict=True)
    when: dt.datetime
    colour: Colour


class Struct(msgspec.Struct):
    """A msgspec struct."""

    number: int


@dataclass
class Line:
    """A dataclass that holds models."""

    item: str
    price: Decimal = Decimal(1)
    model: Model | None = None
    more: "list[Line]" = field(default_factory=list)


class Pair(NamedTuple):
    """A named tuple."""

    left: int
    right: str


class Options(TypedDict, total=False):
    """A dict with known keys."""

    fast: bool


UserId = NewType("UserId", int)


def there_and_back(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Store a call, read it and make it."""
    parameters = Parameters(function)
    args, kwargs = parameters.decode(encode(parameters.bind(args, kwargs), LIMIT))  # type: ignore[assignment]
    return function(*args, **kwargs)


def annotated(kind: Any) -> Callable[..., Any]:
    """Return a handler whose only argument has this annotation."""

    def handler(value: Any) -> Any:
        return value

    handler.__annotations__["value"] = kind
    return handler


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Any, [1, 0.5, "x", None, True, {"a": 2**70}]),
        (object, {"a": [1]}),
        (dict[str, object], {"a": {"b": 1}}),
        (Colour, Colour.RED),
        (Level, Level.HIGH),
        (dict[Colour, int], {Colour.RED: 1}),
        (dict[int, str], {1: "a"}),
        (UUID, UUID(int=5)),
        (Decimal, Decimal("1.10")),
        (dt.datetime, NOON),
        (dt.datetime, NOON.replace(tzinfo=None)),
        (dt.date, NOON.date()),
        (dt.time, NOON.time()),
        (dt.timedelta, dt.timedelta(days=1, microseconds=3)),
        (bytes, b"\x00\xff"),
        (set[int], {1, 2}),
        (frozenset[str], frozenset({"a"})),
        (tuple[int, str], (1, "a")),
        (tuple[int, ...], (1, 2, 3)),
        (Sequence[int], [1, 2]),
        (Iterable[Line], [Line("tea")]),
        (Mapping[str, UUID], {"a": UUID(int=1)}),
        (Literal["a", 1], "a"),
        (int | str | None, "x"),
        (Line | None, Line("tea")),
        (Line | None, None),
        (list[Line], [Line("tea", Decimal("2.50"), Model(number=1), [Line("cup")])]),
        (dict[str, Line], {"x": Line("tea")}),
        (Struct, Struct(3)),
        (Model, Model(number=3, when=NOON)),
        (Model | None, Model(number=3)),
        (list[Model], [Model(number=1), Model(number=2)]),
        (Aliased, Aliased(userId=5)),
        (Strict, Strict(when=NOON, colour=Colour.RED)),
        (Pair, Pair(1, "a")),
        (Options, {"fast": True}),
        (UserId, UserId(7)),
        (Annotated[int, msgspec.Meta(gt=0)], 1),
        (float, 1.5),
    ],
)
def test_value_comes_back(kind: Any, value: Any) -> None:
    """What went in as an annotation says comes out as it was."""
    back = there_and_back(annotated(kind), value)
    assert back == value
    assert type(back) is type(value)


def test_plain_json_becomes_models() -> None:
    """A producer without the classes sends dicts; the handler gets what it asked for."""
    decode = Parameters(annotated(Line)).decode
    raw = b'{"value": {"item": "tea", "model": {"number": "5"}}}'
    assert decode(raw) == ([Line("tea", Decimal(1), Model(number=5))], {})


def test_wrappers_get_names() -> None:
    """A decorated handler is called by name: its wrapper may take nothing else."""

    @wraps(annotated(int))
    def wrapper(**named: int) -> None:
        """Take names only."""

    assert Parameters(wrapper).decode(b'{"value": 5}') == ([], {"value": 5})


def test_aliases_of_models_are_what_is_stored() -> None:
    """A model is stored under the names that it is read by, and that SQL asks for."""
    assert encode({"user": Aliased(userId=5)}, LIMIT) == b'{"user":{"userId":5}}'


@pytest.mark.parametrize(
    ("kind", "raw", "words"),
    [
        (int, b'"1"', "Expected `int`, got `str` - at `$.value`"),
        (bool, b"1", "Expected `bool`, got `int`"),
        (str, b"null", "Expected `str`, got `null`"),
        (UUID, b'"x"', "Invalid UUID"),
        (Decimal, b'"x"', "Invalid decimal"),
        (dt.datetime, b'"yesterday"', "Invalid RFC3339"),
        (Colour, b'"blue"', "Invalid enum value 'blue'"),
        (Literal["a"], b'"b"', "Invalid enum value 'b'"),
        (Line, b'{"item": 5}', "at `$.value.item`"),
        (Line, b"{}", "missing required field `item`"),
        (list[Line], b'[{"item": "a"}, {"item": 5}]', "at `$.value[1].item`"),
        (Model, b'{"number": "x"}', "1 validation error for Model"),
        (Line, b'{"item": "a", "model": {"number": "x"}}', "at `$.value.model`"),
        (Struct, b"[1]", "Expected `object`, got `array`"),
        (Annotated[int, msgspec.Meta(gt=0)], b"0", "Expected `int` >= 1"),
    ],
)
def test_mismatch(kind: Any, raw: bytes, words: str) -> None:
    """A value that does not fit is named with its place."""
    with pytest.raises(ArgumentsMismatch) as caught:
        Parameters(annotated(kind)).decode(b'{"value": %b}' % raw)
    assert words in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"nope", b"[1]", b'["*"]', b'"*"', b"{", b"{}", b'{"b": 1}'])
def test_stored_form_is_wrong(raw: bytes) -> None:
    """Whatever stands in a record, the answer is a mismatch and no other error."""
    with pytest.raises(ArgumentsMismatch, match="handler: "):
        Parameters(annotated(int)).decode(raw)


def test_nested_too_deeply() -> None:
    """What Python can't read any more is a mismatch, not a crash of the worker."""
    raw = b'{"value": %b}' % (b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(ArgumentsMismatch, match="recursion"):
        Parameters(annotated(Any)).decode(raw)


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("x"), ValueError("x")])
def test_model_that_raises(error: Exception) -> None:
    """Whatever a model's own checks raise, the arguments don't fit."""

    @dataclass
    class Picky:
        number: int

        def __post_init__(self) -> None:
            raise error

    with pytest.raises(ArgumentsMismatch, match="x"):
        Parameters(annotated(Picky)).decode(b'{"value": {"number": 1}}')


def test_defaults_are_the_worker_s() -> None:
    """What was not given is not passed: the code that runs knows the default."""

    def handler(a: int = 1, b: Model | None = None, *, c: "list[int] | str" = "x") -> Any:
        return a, b, c

    assert there_and_back(handler) == (1, None, "x")
    assert there_and_back(handler, 2, c=[3]) == (2, None, [3])
    assert there_and_back(handler, b=Model(number=1)) == (1, Model(number=1), "x")
    with pytest.raises(ArgumentsMismatch, match="Expected `int`, got `null`"):
        Parameters(handler).decode(b'{"a": null}')


def test_star_arguments_are_typed() -> None:
    """Each of ``*args`` and ``**kwargs`` becomes what its annotation says."""

    def handler(first: int, *lines: Line, last: int = 0, **models: Model) -> Any:
        return first, lines, last, models

    tea, one = Line("tea"), Model(number=1)
    assert there_and_back(handler, 1) == (1, (), 0, {})
    assert there_and_back(handler, 1, tea, tea) == (1, (tea, tea), 0, {})
    assert there_and_back(handler, 1, tea, last=5, x=one) == (1, (tea,), 5, {"x": one})
    with pytest.raises(ArgumentsMismatch, match=r"Expected `object`, got `int`"):
        Parameters(handler).decode(b'{"first": 1, "*": [5]}')
    with pytest.raises(ArgumentsMismatch, match="x: 1 validation error"):
        Parameters(handler).decode(b'{"first": 1, "x": {}}')


def test_positional_only_are_passed_by_place() -> None:
    """A default in front of a value is filled in, so that no value slips forward."""

    def handler(a: int, b: int = 2, c: int = 3, /, d: int = 4) -> Any:
        return a, b, c, d

    assert there_and_back(handler, 1, d=5) == (1, 2, 3, 5)
    args, kwargs = Parameters(handler).decode(b'{"a": 1, "c": 9}')
    assert handler(*args, **kwargs) == (1, 2, 9, 4)


def test_any_name_will_do() -> None:
    """Parameters may be called as they like, also like our own fields."""

    def handler(star_: int, __dunder: int = 2, *a0: int, _x: int = 3, self: int = 4) -> Any:
        return star_, __dunder, a0, _x, self

    assert there_and_back(handler, 1, 5, 6, _x=7, self=8) == (1, 5, (6,), 7, 8)


def test_star_in_a_value_is_no_list_of_arguments() -> None:
    """Text and keys that look like the marker are data."""

    def handler(a: Any, b: Any = None) -> Any:
        return a, b

    big = {"*": [2**70, 0.1, 1e300, {"*": "*"}]}
    assert there_and_back(handler, "*", big) == ("*", big)


@pytest.mark.parametrize("kind", [Path, Callable[[], int], type[int], complex])
def test_annotation_that_json_can_t_become(kind: Any) -> None:
    """A required argument that nobody could ever send is refused when it is declared."""
    with pytest.raises(ConfigurationError, match=r"handler.*value.*can't be made from JSON"):
        Parameters(annotated(kind))


@pytest.mark.parametrize("kind", [Line | Struct, str | dt.datetime, Model | int, 5, {"a": int}])
def test_annotation_that_can_t_be_decided(kind: Any) -> None:
    """A union whose members look alike in JSON is refused when it is declared."""
    with pytest.raises(ConfigurationError, match=r"handler.*annotations"):
        Parameters(annotated(kind))


def test_optional_argument_for_calls_in_process() -> None:
    """An argument with a default may be of any type: a stored call leaves it out."""

    def handler(a: int, where: Path = Path("x"), call: Callable[[], int] = int) -> Any:
        return a, where, call

    assert there_and_back(handler, 1) == (1, Path("x"), int)
    with pytest.raises(ArgumentsMismatch, match=r"can't make a Path from JSON - at `\$.where`"):
        Parameters(handler).decode(b'{"a": 1, "where": "x"}')
