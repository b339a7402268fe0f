"""What people write on the command line: times, durations, rates, shares and JSON.

One rule: a refusal names the option and says what to write.
"""

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn, overload

import typer

from jobqueue.domain import units
from jobqueue.domain.limits import Rate
from jobqueue.domain.suggest import shown

Text = str | None

AGO = "a time with its zone, or how long ago: 2h"
"""What :func:`ago` reads, for helps."""

_TIME = "2030-01-31T12:00:00Z"
_DATE = re.compile(r"\d{4}-")
_RATE = re.compile(r"([0-9]+)/([0-9]*)([A-Za-z]*)")
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(%?)")


@overload
def seconds(option: str, value: str) -> float: ...
@overload
def seconds(option: str, value: Text) -> float | None: ...
def seconds(option: str, value: Text) -> float | None:
    """Return a duration in seconds."""
    try:
        return None if value is None else units.read_seconds(value)
    except ValueError as error:
        _refuse(option, str(error))


def period(option: str, value: str, shortest: float) -> float:
    """Return how often something is done again, in seconds.

    Args:
        option: Where it was written.
        value: The duration; none at all would be an endless loop.
        shortest: What a shorter one is raised to, in seconds.
    """
    found = seconds(option, value)
    if not found:
        _refuse(option, "must be longer than 0; write such as 2s")
    return max(shortest, found)


def until(option: str, value: Text) -> datetime | float | None:
    """Return a bound, given as a time or as a duration from now."""
    if value is not None and _DATE.match(value):
        return moment(option, value)
    return None if value is None else _apart(option, value)


@overload
def ago(option: str, value: str) -> datetime: ...
@overload
def ago(option: str, value: Text) -> datetime | None: ...
def ago(option: str, value: Text) -> datetime | None:
    """Return a time, given as one or as a duration before now."""
    if value is not None and not _DATE.match(value):
        return datetime.now(UTC) - timedelta(seconds=_apart(option, value))
    return moment(option, value)


def _apart(option: str, value: str) -> float:
    """Return how far from now a time is, in seconds, where it could be given as one."""
    try:
        return units.read_seconds(value)
    except ValueError as error:
        _refuse(option, f"{error}, or a time such as {_TIME}")


@overload
def moment(option: str, value: str) -> datetime: ...
@overload
def moment(option: str, value: Text) -> datetime | None: ...
def moment(option: str, value: Text) -> datetime | None:
    """Return a time with its zone."""
    try:
        found = None if value is None else datetime.fromisoformat(value)
    except ValueError:
        _refuse(option, f"{shown(value)} is no time; write such as {_TIME}")
    if found is not None and found.utcoffset() is None:
        _refuse(option, f"{shown(value)} has no time zone; end it with Z or such as +01:00")
    return found


def _refuse(option: str, problem: str) -> NoReturn:
    raise typer.BadParameter(problem, param_hint=option) from None


def rate(text: str, hint: str, otherwise: str = "") -> Rate:
    """Return a rate such as ``100/60s`` or ``5/s``.

    Args:
        text: What was written.
        hint: Where; for the refusal.
        otherwise: What else could have been written there.
    """
    match = _RATE.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        problem = f"{text!r} is no rate; write such as 100/60s or 5/s{otherwise}"
        raise typer.BadParameter(problem, param_hint=hint)
    try:
        return Rate(int(match[1]), units.read_seconds(f"{match[2] or 1}{match[3]}"))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from None


def share(text: str, hint: str) -> float:
    """Return a share such as ``10%`` or ``0.1``."""
    match = _SHARE.fullmatch(text)
    found = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < found <= 1:
        raise typer.BadParameter(f"{text!r} is no share; write such as 10%", param_hint=hint)
    return found


def arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and named arguments of a job."""
    value = json("--args", text)
    if isinstance(value, dict):
        return [], value
    if isinstance(value, list):
        return value, {}
    _refuse("--args", "write an object of named arguments or a list of positional ones")


def json(option: str, text: str) -> Any:
    """Return what JSON says; ``@FILE`` reads a file, ``-`` stdin."""
    import msgspec

    from jobqueue.domain import codec

    try:
        raw = _read(option, text)
        value = msgspec.json.decode(raw)
        codec.refuse_doubles(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse(option, f"this is no JSON: {error}")
    except codec.NotJson as error:
        _refuse(option, str(error))
    return value


def _read(option: str, text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode("utf-8", "surrogateescape")
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        _refuse(option, f"{text[1:]} can't be read: {error.strerror}")
