"""Checks of declared options, shared by policies and schedules.

One rule: a refusal names the option, shows what was written and says what to write.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.suggest import did_you_mean

Choice = TypeVar("Choice", bound=StrEnum)

LONGEST = timedelta(days=36_500).total_seconds()


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
    """Return a duration in seconds, at most a hundred years.

    Args:
        option: Its name, for the message.
        value: A number of seconds or a ``timedelta``.

    Raises:
        ConfigurationError: It is of another type, negative or too long.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ConfigurationError(f"{option}: write seconds or a timedelta, not {value!r}")
    if not 0 <= number <= LONGEST:  # also refuses NaN
        raise ConfigurationError(
            f"{option}: {value!r} is out of range; write 0 to {LONGEST:.0f} seconds"
        )
    return float(number)
