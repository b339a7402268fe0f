"""Checks of declared options, shared by policies and schedules.

One rule: a refusal names the option, shows what was written and says what to write.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from functools import wraps
from typing import Any, TypeVar, cast

from jobqueue.domain import units
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.suggest import did_you_mean, shown

Choice = TypeVar("Choice", bound=StrEnum)
F = TypeVar("F", bound=Callable[..., Any])


def choice(option: str, choices: type[Choice], value: Any) -> Choice:
    """Return the member of ``choices`` with this name.

    Raises:
        ConfigurationError: There is none.
    """
    try:
        return choices(value)
    except ValueError:
        hint = did_you_mean(str(value), [each.value for each in choices])
        raise ConfigurationError(f"{option}: {shown(value)} is unknown; {hint}") from None


def seconds(option: str, value: Any) -> float:
    """Return a duration in seconds; see :func:`units.seconds`.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        return units.seconds(value)
    except ValueError as error:
        raise ConfigurationError(f"{option}: {error}") from None


def named(label: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Look whether options have names that are known.

    Raises:
        ConfigurationError: One has not; the message says which may have been meant.
    """
    names = list(known)
    for name in given:
        if name not in names:
            raise ConfigurationError(
                f"{label}: there is no option {name!r}; {did_you_mean(name, names)}"
            )


def text(option: str, value: object) -> None:
    """Look whether a value that is searched for can be one that people gave.

    Raises:
        InvalidJob: It is no printable text.
    """
    if not isinstance(value, str) or not value.isprintable():
        raise InvalidJob(option, f"{shown(value)} is no printable text")


def moment(option: str, value: object) -> None:
    """Look whether a value is a time that is the same everywhere.

    Raises:
        InvalidJob: It is no datetime, or has no time zone.
    """
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidJob(option, f"{shown(value)} is no time with a time zone")


def checks_options(label: str) -> Callable[[F], F]:
    """Let a function refuse an unknown keyword as we refuse options, not as Python does.

    Args:
        label: What the caller knows the function as.
    """

    def decorate(function: F) -> F:
        code = function.__code__
        known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount][1:]

        @wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            named(label, kwargs, known)
            return function(*args, **kwargs)

        return cast("F", checked)

    return decorate
