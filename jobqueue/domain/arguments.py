"""Turns a handler call into JSON at enqueue, and JSON into a call on the worker.

Arguments travel as a JSON object by name, so that history can be asked with
``arguments->>'user'``. Positional ones that have no name (``*args``, or a call by
name from a program without the handler's code) stand under ``"*"``.
"""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from jobqueue.domain import codec
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.suggest import did_you_mean

STAR = "*"
_FIELD = "star_"  # the decoder's attribute for STAR

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Mismatch(ValueError):
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
    except codec.NotJson as error:
        raise _blame(arguments, error) from error
    if len(raw) > limit:
        raise InvalidJob(
            "arguments",
            f"{len(raw)} bytes as JSON, above the limit of {limit} (JOBQUEUE_MAX_ARGUMENTS); "
            "store the data elsewhere and pass its key",
        )
    return raw


def _blame(arguments: Mapping[str, Any], error: codec.NotJson) -> InvalidJob:
    for name, value in arguments.items():
        try:
            codec.encode(value)
        except codec.NotJson as cause:
            return InvalidJob(name, str(cause))
    return InvalidJob("arguments", str(error))


def loose(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call whose handler's code is not here."""
    return {**kwargs, STAR: list(args)} if args else dict(kwargs)


class Parameters:
    """The parameters of one handler: binds calls, and decodes stored arguments.

    Args:
        function: The handler.

    Raises:
        ConfigurationError: An annotation names a type that JSON can't become.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._label = function.__qualname__
        parameters = inspect.signature(function).parameters.values()
        kinds = {p.kind for p in parameters}
        self._positional = [
            p.name for p in parameters if p.kind <= inspect.Parameter.POSITIONAL_OR_KEYWORD
        ]
        # Positional-only parameters have names for JSON too, but a call can't use them.
        self._keywords = {p.name for p in parameters if p.kind in _NAMED}
        self._required = [
            p.name
            for p in parameters
            if p.default is p.empty
            and p.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        ]
        self._star = inspect.Parameter.VAR_POSITIONAL in kinds
        self._open = inspect.Parameter.VAR_KEYWORD in kinds
        self._only = [p.name for p in parameters if p.kind == inspect.Parameter.POSITIONAL_ONLY]
        self._names = {p.name for p in parameters if p.kind <= inspect.Parameter.KEYWORD_ONLY}
        if self._star:
            self._names.discard(self._star_name(parameters))
        self._decoder = self._build(function, list(parameters))

    @staticmethod
    def _star_name(parameters: Any) -> str:
        return next(p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL)

    def _build(
        self, function: Callable[..., Any], parameters: list[inspect.Parameter]
    ) -> msgspec.json.Decoder[Any]:
        annotations = hints(function)
        fields: list[Any] = []
        for p in parameters:
            if p.kind is inspect.Parameter.VAR_KEYWORD:
                continue
            kind = annotations.get(p.name, Any)
            if p.kind is inspect.Parameter.VAR_POSITIONAL:
                fields.append((_FIELD, list[kind], msgspec.field(name=STAR, default_factory=list)))  # type: ignore[valid-type]
            elif p.default is p.empty:
                fields.append((p.name, kind))
            else:
                fields.append((p.name, kind | msgspec.UnsetType, msgspec.UNSET))
        try:
            model = msgspec.defstruct(
                "Arguments", fields, kw_only=True, forbid_unknown_fields=not self._open
            )
            return msgspec.json.Decoder(model, dec_hook=_decode_other)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"handler {self._label}: its annotations can't be read from JSON: {error}"
            ) from error

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by name.

        Raises:
            InvalidJob: The handler can't be called like this; the error names the
                argument that is missing, unknown, given twice or too many.
        """
        bound = dict(zip(self._positional, args, strict=False))
        if len(args) > len(self._positional):
            if not self._star:
                raise InvalidJob(
                    "arguments",
                    f"{self._label} takes {len(self._positional)} positional arguments, "
                    f"not {len(args)}",
                )
            bound[STAR] = list(args[len(self._positional) :])
        for name, value in kwargs.items():
            if name in bound:
                raise InvalidJob(name, f"given twice to {self._label}")
            if name not in self._keywords and not self._open:
                hint = did_you_mean(name, self._keywords)
                raise InvalidJob(name, f"{self._label} has no such argument; {hint}")
            bound[name] = value
        for name in self._required:
            if name not in bound:
                raise InvalidJob(name, f"missing; {self._label} needs it")
        return bound

    def decode(self, raw: bytes) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and keyword arguments that ``raw`` stands for.

        Raises:
            Mismatch: They don't fit the handler's parameters and annotations.
        """
        try:
            model = self._decoder.decode(self._named(raw) if b'"*"' in raw else raw)
        except (msgspec.MsgspecError, TypeError, ValueError) as error:
            raise Mismatch(f"{self._label}: {error}") from error
        values = {
            name: value
            for name in self._names
            if (value := getattr(model, name)) is not msgspec.UNSET
        }
        args = [values.pop(name) for name in self._only if name in values]
        if self._star and (rest := getattr(model, _FIELD)):
            before = [name for name in self._positional if name not in self._only]
            args += [values.pop(name) for name in before if name in values]
            args += rest
        if self._open:
            values |= self._extra(raw)
        return args, values

    def _named(self, raw: bytes) -> bytes:
        """Give positional arguments their names, as far as the handler has some."""
        stored = msgspec.json.decode(raw)
        rest = stored.pop(STAR, [])
        free = [name for name in self._positional if name not in stored]
        stored |= dict(zip(free, rest, strict=False))
        if surplus := rest[len(free) :]:
            if not self._star:
                raise Mismatch(f"{self._label}: {len(surplus)} positional arguments too many")
            stored[STAR] = surplus
        return msgspec.json.encode(stored)

    def _extra(self, raw: bytes) -> dict[str, Any]:
        stored = msgspec.json.decode(raw)
        return {k: v for k, v in stored.items() if k not in self._names and k != STAR}


def hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return a function's annotations by parameter name; ``return`` is one of them."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError:
        # A name that exists only for type checkers: that handler's arguments go unchecked.
        return {}


def _decode_other(kind: type, value: Any) -> Any:
    validate: Callable[[Any], Any] | None = getattr(kind, "model_validate", None)  # pydantic
    if validate is not None:
        return validate(value)
    raise TypeError(f"can't make a {kind.__qualname__} from JSON")
