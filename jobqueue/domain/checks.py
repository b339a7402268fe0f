"""Checks of declared options, shared by policies and schedules.

One rule: a refusal names the option, shows what was written and says what to write.
"""

from enum import StrEnum
from typing import Any, TypeVar

from jobqueue.domain import units
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.suggest import did_you_mean

Choice = TypeVar("Choice", bound=StrEnum)


def choice(option: str, choices: type[Choice], value: Any) -> Choice:
    """Return the member of ``choices`` with this name.

    Raises:
        ConfigurationError: There is none.
    """
    try:
        return choices(value)
    except ValueError:
        hint = did_you_mean(str(value), [each.value for each in choices])
        raise ConfigurationError(f"{option}: {value!r} is unknown; {hint}") from None


def seconds(option: str, value: Any) -> float:
    """Return a duration in seconds; see :func:`units.seconds`.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        return units.seconds(value)
    except ValueError as error:
        raise ConfigurationError(f"{option}: {error}") from None
