"""Moments in the past, as options take them: a time with its zone, or a duration ago."""

from datetime import UTC, datetime, timedelta

import typer

from jobqueue.domain import units
from jobqueue.domain.suggest import shown


def ago(option: str, value: str, now: datetime) -> datetime:
    """Return a moment that is not after ``now``.

    Args:
        option: What to name in an error.
        value: Such as ``2h``, or ``2030-01-31T12:00:00Z``.
        now: What a duration counts back from.

    Raises:
        BadParameter: It is neither, has no time zone, or is in the future.
    """
    moment = _moment(option, value) or now - timedelta(seconds=seconds(option, value))
    if moment > now:
        raise typer.BadParameter(f"{shown(value)} is in the future", param_hint=option)
    return moment


def seconds(option: str, value: str) -> float:
    """Return a duration.

    Raises:
        BadParameter: It is none.
    """
    try:
        return units.read_seconds(value)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _moment(option: str, value: str) -> datetime | None:
    """Return a written time; ``None`` where a duration is written."""
    if not value[:5].endswith("-"):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        problem = f"{shown(value)} is no time; write such as 2030-01-31T12:00:00Z, or 2h"
        raise typer.BadParameter(problem, param_hint=option) from None
    if moment.utcoffset() is None:
        problem = f"{shown(value)} has no time zone; end it with Z or such as +01:00"
        raise typer.BadParameter(problem, param_hint=option)
    return moment.astimezone(UTC)
