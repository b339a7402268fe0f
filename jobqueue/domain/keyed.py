"""Keys made from a job's arguments: for unique jobs, and for limits that count each key apart."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from jobqueue.domain import codec
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.suggest import did_you_mean

By = str | Iterable[str] | Callable[[Mapping[str, Any]], object]

_PLAIN = re.compile(r"[A-Za-z0-9_.@/:{}-]{1,64}")  # braces say what lies together: partitions.py
_decode = msgspec.json.Decoder().decode
_sorted = msgspec.json.Encoder(order="deterministic").encode


def fingerprint(value: Any) -> str:
    """Return 32 hexadecimal digits that stand for ``value`` as JSON, whatever the order of keys.

    Raises:
        jobqueue.domain.codec.NotJson: It has no form in JSON.
    """
    raw = _sorted(_decode(codec.encode(value)))
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


class KeyOf:
    """Makes the key of a job from its arguments.

    Args:
        option: What to call this in errors, such as ``unique by``.
        by: Names of arguments, or a function that gets the arguments by name and
            returns the key, anything that JSON has. None for all arguments.
    """

    def __init__(self, option: str, by: By | None) -> None:
        self._option = option
        self._function = by if callable(by) else None
        names = (by,) if isinstance(by, str) else () if by is None or callable(by) else tuple(by)
        if not all(isinstance(name, str) for name in names):
            raise ConfigurationError(f"{option}: {by!r} holds something that names no argument")
        self._names = names

    @property
    def label(self) -> str:
        """What the key is made of, in a word."""
        if self._function is not None:
            name = getattr(self._function, "__name__", "key")
            return name if name.isidentifier() else "key"
        return ",".join(self._names) or "arguments"

    def check(self, known: Iterable[str]) -> None:
        """Look whether a handler with the arguments ``known`` has those that the key needs.

        Raises:
            ConfigurationError: It lacks one.
        """
        known = list(known)
        for name in self._names:
            if name not in known:
                hint = did_you_mean(name, known)
                raise ConfigurationError(f"{self._option}: the handler has no {name!r}; {hint}")

    def of(self, arguments: Mapping[str, Any]) -> str:
        """Return the key for these arguments, defaults included.

        Raises:
            InvalidJob: An argument is not there, or the function failed, or the key has no
                form in JSON.
        """
        for name in self._names:
            if name not in arguments:  # else all jobs that lack it would be equal
                hint = did_you_mean(name, arguments, "it has none")
                raise InvalidJob(self._option, f"the job has no argument {name!r}; {hint}")
        try:
            return _text(self._value(arguments))
        except Exception as error:
            raise InvalidJob(self._option, f"{type(error).__name__}: {error}") from error

    def _value(self, arguments: Mapping[str, Any]) -> Any:
        if self._function is not None:
            return self._function(arguments)
        if len(self._names) == 1:
            return arguments[self._names[0]]
        return {name: arguments[name] for name in self._names} or dict(arguments)


def _text(value: Any) -> str:
    """Return a short plain value as it is, so that people can read the key; else a fingerprint."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        text = str(value)
        if _PLAIN.fullmatch(text):
            return text
    return fingerprint(value)
