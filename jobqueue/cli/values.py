"""What people write on the command line: times, durations, rates, shares and JSON.

One rule: a refusal names the option and says what to write.
"""

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import typer

from jobqueue.domain import units
from jobqueue.domain.errors import InvalidJob
from jobqueue.domain.limits import Rate
from jobqueue.domain.suggest import shown

Text = str | None

_DATE = re.compile(r"\d{4}-")
_RATE = re.compile(r"([0-9]+)/([0-9]*)([A-Za-z]*)")
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(%?)")


def seconds(option: str, value: Text) -> float | None:
    """Return a duration in seconds."""
    try:
        return None if value is None else units.read_seconds(value)
    except ValueError as error:
        raise InvalidJob(option, str(error)) from None


def until(option: str, value: Text) -> datetime | float | None:
    """Return a bound, given as a time or as a duration from now."""
    if value is not None and _DATE.match(value):
        return moment(option, value)
    return seconds(option, value)


def ago(option: str, value: Text) -> datetime | None:
    """Return a time, given as one or as a duration before now."""
    if value is not None and not _DATE.match(value):
        return datetime.now(UTC) - timedelta(seconds=seconds(option, value) or 0.0)
    return moment(option, value)


def moment(option: str, value: Text) -> datetime | None:
    """Return a time with its zone."""
    try:
        found = None if value is None else datetime.fromisoformat(value)
    except ValueError:
        problem = f"{shown(value)} is no time; write such as 2030-01-31T12:00:00Z"
        raise InvalidJob(option, problem) from None
    if found is not None and found.utcoffset() is None:
        raise InvalidJob(
            option, f"{shown(value)} has no time zone; end it with Z or such as +01:00"
        )
    return found


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
    value = json("args", text)
    if isinstance(value, dict):
        return [], value
    if isinstance(value, list):
        return value, {}
    raise InvalidJob("args", "write an object of named arguments or a list of positional ones")


def json(option: str, text: str) -> Any:
    """Return what JSON says; ``@FILE`` reads a file, ``-`` stdin."""
    import msgspec

    from jobqueue.domain import codec

    try:
        raw = _read(option, text)
        value = msgspec.json.decode(raw)
        codec.refuse_doubles(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJob(option, f"this is no JSON: {error}") from None
    except codec.NotJson as error:
        raise InvalidJob(option, str(error)) from None
    return value


def _read(option: str, text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode("utf-8", "surrogateescape")
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise InvalidJob(option, f"{text[1:]} can't be read: {error.strerror}") from None
