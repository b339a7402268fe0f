"""Turns a handler call into JSON at enqueue, and JSON into a call on the worker.

Arguments travel as a JSON object by name, so that history can be asked with
``arguments->>'user'``. Positional ones that have no name (``*args``, or a call by
name from a program without the handler's code) stand under ``"*"``.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from jobqueue.domain import codec
from jobqueue.domain.annotations import hints, signature
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.suggest import did_you_mean

STAR = "*"
_STAR = "star"  # the decoder's attribute for it

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])


class ArgumentsMismatch(ValueError):
    """Stored arguments don't fit the handler's parameters; retrying can't help."""


def encode(arguments: Mapping[str, Any], limit: int) -> bytes:
    """Return arguments by name as JSON.

    Args:
        arguments: Values by parameter name; ``"*"`` holds a list.
        limit: The largest accepted size, in bytes.

    Raises:
        InvalidJob: One can't be stored (the error names it), or all together are
            too large.
    """
    try:
        raw = codec.encode(arguments)
    except Exception as error:
        raise _blame(arguments, error) from error
    if len(raw) > limit:
        raise InvalidJob(
            "arguments",
            f"{len(raw)} bytes as JSON, above the limit of {limit} (JOBQUEUE_MAX_ARGUMENTS); "
            "store the data elsewhere and pass its key",
        )
    return raw


def _blame(arguments: Mapping[str, Any], error: Exception) -> InvalidJob:
    for name, value in _each(arguments):
        try:
            codec.encode(value)
        except Exception as cause:  # noqa: BLE001 - a model's own serialiser is the caller's code
            return InvalidJob(name, _problem(cause))
    return InvalidJob("arguments", _problem(error))


def _each(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in arguments.items():
        if name == STAR:
            yield from ((f"positional argument {i}", each) for i, each in enumerate(value, 1))
        else:
            yield name, value


def _problem(error: Exception) -> str:
    if isinstance(error, codec.NotJson):
        return str(error)
    return f"its serialiser raised {type(error).__name__}: {error}"


def loose(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call whose handler's code is not here.

    Raises:
        InvalidJob: One has the name under which the positional ones stand.
    """
    if STAR in kwargs:
        raise InvalidJob(STAR, "can't be the name of an argument")
    return {**kwargs, STAR: list(args)} if args else dict(kwargs)


class Parameters:
    """The parameters of one handler: binds calls, and decodes stored arguments.

    Args:
        function: The handler.

    Raises:
        ConfigurationError: An annotation can't be read, or names a type that JSON
            can't become.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._label = function.__qualname__
        parameters = signature(function)
        by_kind: dict[Any, list[inspect.Parameter]] = {}
        for p in parameters:
            by_kind.setdefault(p.kind, []).append(p)
        only = by_kind.get(inspect.Parameter.POSITIONAL_ONLY, [])
        either = by_kind.get(inspect.Parameter.POSITIONAL_OR_KEYWORD, [])
        named = by_kind.get(inspect.Parameter.KEYWORD_ONLY, [])
        self._only = {p.name: p.default for p in only}
        self._positional = [p.name for p in only + either]
        self._keywords = dict.fromkeys(p.name for p in either + named)
        self._required = [p.name for p in only + either + named if p.default is p.empty]
        self._star = inspect.Parameter.VAR_POSITIONAL in by_kind
        self._open = inspect.Parameter.VAR_KEYWORD in by_kind
        self.names = [p.name for p in only + either + named]
        # What a key made of arguments takes where a call leaves one out.
        self.defaults = {
            p.name: p.default for p in only + either + named if p.default is not p.empty
        }
        # So many arguments by their place leave nothing to check.
        required = any(p.default is p.empty for p in named)
        self._whole = -1 if required else len(self._positional)
        # Most handlers: every parameter has a name and no default, so nothing is ever unset.
        self._plain = len(parameters) == len(either + named) == len(self._required)
        # A wrapper may take names only; to all others the quicker way means the same.
        self._by_place = self._plain and not named and not hasattr(function, "__wrapped__")
        # The decoder's attributes have names of their own: a parameter may have any.
        self._attributes = {p.name: f"a{i}" for i, p in enumerate(only + either + named)}
        try:
            self._build(function, parameters)
        except ConfigurationError:
            raise
        except Exception as error:
            raise ConfigurationError(
                f"handler {self._label}: its annotations can't be read from JSON: {error}"
            ) from error

    def _build(self, function: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
        annotations = hints(function)
        fields: list[Any] = []
        rest: Any = Any
        for p in parameters:
            kind = annotations.get(p.name, Any)
            if p.kind is inspect.Parameter.VAR_KEYWORD:
                rest = kind
            elif p.kind is inspect.Parameter.VAR_POSITIONAL:
                fields.append((_STAR, list[kind], msgspec.field(name=STAR, default_factory=list)))  # type: ignore[valid-type]
            elif p.default is p.empty:
                self._check(p.name, kind)
                fields.append((self._attributes[p.name], kind, msgspec.field(name=p.name)))
            else:
                unset = msgspec.field(name=p.name, default=msgspec.UNSET)
                fields.append((self._attributes[p.name], kind | msgspec.UnsetType, unset))
        model = msgspec.defstruct(
            "Arguments", fields, kw_only=True, forbid_unknown_fields=not self._open
        )
        self._decoder = msgspec.json.Decoder(model, dec_hook=codec.make)
        self._other = msgspec.json.Decoder(rest, dec_hook=codec.make)

    def _check(self, name: str, kind: Any) -> None:
        info = msgspec.inspect.type_info(kind)
        if isinstance(info, msgspec.inspect.CustomType) and not codec.can_make(info.cls):
            raise ConfigurationError(
                f"handler {self._label}: its argument {name!r} has the type {kind!r}, which can't "
                "be made from JSON; take what JSON has, or a dataclass, a msgspec or pydantic model"
            )

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by name.

        Raises:
            InvalidJob: The handler can't be called like this; the error names the
                argument that is missing, unknown, given twice or too many.
        """
        bound = dict(zip(self._positional, args, strict=False))
        if len(args) == self._whole and not kwargs:
            return bound
        if len(args) > len(self._positional):
            if not self._star:
                raise InvalidJob(
                    "arguments",
                    f"{self._label} takes {len(self._positional)} positional arguments, "
                    f"not {len(args)}",
                )
            bound[STAR] = list(args[len(self._positional) :])
        for name, value in kwargs.items():
            if name not in self._keywords:
                self._refuse_name(name)
            elif name in bound:
                raise InvalidJob(name, f"given twice to {self._label}")
            bound[name] = value
        self._refuse_missing(bound)
        return bound

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Look whether arguments by name, as :meth:`bind` returns them, fit the handler.

        Raises:
            InvalidJob: One is missing, or no parameter's; the error names it.
        """
        for name, value in arguments.items():
            if name == STAR:
                if not self._star or not isinstance(value, list | tuple):
                    problem = "is for the list of arguments that *args takes; others have names"
                    raise InvalidJob(name, problem)
            elif name not in self._attributes:
                self._refuse_name(name)
        self._refuse_missing(arguments)

    def _refuse_missing(self, arguments: Mapping[str, Any]) -> None:
        for name in self._required:
            if name not in arguments:
                raise InvalidJob(name, f"missing; {self._label} needs it")

    def _refuse_name(self, name: str) -> None:
        """Refuse a name that is no parameter's, unless the handler takes any."""
        if name == STAR:
            raise InvalidJob(name, "can't be the name of an argument")
        if name in self._only:
            # Also where **kwargs would take it: all names share one JSON object.
            raise InvalidJob(name, f"{self._label} takes it only by its place")
        if not self._open and not self._keywords:
            raise InvalidJob(name, f"{self._label} takes no argument by name")
        if not self._open:
            hint = did_you_mean(name, self._keywords)
            raise InvalidJob(name, f"{self._label} has no such argument; {hint}")

    def decode(self, raw: bytes) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and keyword arguments that ``raw`` stands for.

        Raises:
            ArgumentsMismatch: They don't fit the handler's parameters and annotations.
        """
        try:
            if b'"*"' in raw:
                raw = self._named(raw)
            model = self._decoder.decode(raw)
            more = self._more(raw) if self._open else None
        except Exception as error:
            # Models are the handler's code: they may raise anything.
            raise ArgumentsMismatch(
                f"{self._label}: {str(error) or type(error).__name__}"
            ) from error
        if self._by_place:
            return [*astuple(model)], {}
        if self._plain:
            return [], dict(zip(self._attributes, astuple(model), strict=True))
        values = {
            name: value
            for name, attribute in self._attributes.items()
            if (value := getattr(model, attribute)) is not msgspec.UNSET
        }
        args: list[Any] = []
        if self._only:
            args += [values.pop(name, default) for name, default in self._only.items()]
        if self._star and (rest := getattr(model, _STAR)):
            args += [values.pop(name) for name in self._positional[len(args) :]]
            args += rest
        if more:
            values |= more
        return args, values

    def _named(self, raw: bytes) -> bytes:
        """Give positional arguments their names, as far as the handler has some."""
        stored = _members.decode(raw)
        if STAR not in stored:
            return raw
        rest = _items.decode(stored.pop(STAR))
        # All there: whoever bound the call knew the names, and these are *args.
        bound = all(name in stored for name in self._positional)
        names = [] if bound else self._positional
        for name, value in zip(names, rest, strict=False):
            if name in stored:
                raise ValueError(f"{name!r} was given twice")
            stored[name] = value
        if surplus := rest[len(names) :]:
            if not self._star:
                raise ValueError(f"{len(surplus)} positional arguments too many")
            return msgspec.json.encode({**stored, STAR: surplus})
        return msgspec.json.encode(stored)

    def _more(self, raw: bytes) -> dict[str, Any]:
        """Return what ``**kwargs`` gets."""
        more = {}
        for name, value in _members.decode(raw).items():
            if name not in self._attributes and name != STAR:
                try:
                    more[name] = self._other.decode(value)
                except msgspec.ValidationError as error:
                    raise ValueError(f"{name}: {error}") from error
        return more
