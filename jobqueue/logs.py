"""How the command line writes logs; the library itself only calls ``logging``.

An event has a fixed name and then fields: ``log.warning("lease lost", extra={"job_id": id})``.
A field may not be called like an attribute of ``logging.LogRecord``: the name of a job
goes into ``job``, not into ``name``. On a terminal each event is a readable line, else one
JSON object; in both, no value can break out of its line.

Every line written while a handler runs, also the handler's own and those of libraries that it
calls, carries the job's id, name and attempt; every line of a worker carries the worker's id.

One rule: only a program's ``main`` calls :func:`configure`. Who imports the package
keeps their own logging. A child process takes over what its parent has.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

from jobqueue.domain.context import running

# Level and form, as ``configure`` takes them, and the fields of every line.
Style = tuple[str, str, dict[str, str]]

_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[1;31m"}
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # would reach the terminal
_process: dict[str, str] = {}
_OWN = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


def configure(level: str, format: str | None, stream: TextIO) -> None:  # noqa: A002 - the setting's name
    """Send the logs of this process to ``stream``, in place of any earlier call's.

    Other packages' loggers, and those of the user's handlers, write in the same
    form, but never below ``info``: ``debug`` is about jobqueue.

    Args:
        level: ``debug``, ``info``, ``warning``, ``error`` or ``critical``.
        format: ``people`` or ``json``; ``None`` means people on a terminal, else JSON.
        stream: Where to; the command line gives stderr.
    """
    people = stream.isatty() if format is None else format == "people"
    handler = _Handler(stream)
    handler.setFormatter(
        PeopleFormatter(colour=_wants_colour(stream)) if people else JsonFormatter()
    )
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    number = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(number, logging.INFO))
    logging.getLogger("jobqueue").setLevel(number)


def identify(**fields: str) -> None:
    """Put these fields on every later line of this process: which worker it is."""
    _process.update(fields)


def style() -> Style | None:
    """Return how this process logs; ``None`` where :func:`configure` has no say."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Handler):
            people = isinstance(handler.formatter, PeopleFormatter)
            level = logging.getLevelName(logging.getLogger("jobqueue").level).lower()
            return level, "people" if people else "json", dict(_process)
    return None


def take_over(parent: Style | None) -> None:
    """Log to stderr as the process does that called :func:`style`."""
    if parent is not None:
        level, format_, fields = parent
        configure(level, format_, sys.stderr)
        identify(**fields)


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that a second :func:`configure` replaces it and nobody else's."""

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record, after noting where it came from."""
        # Here and not in a formatter: this runs in the context of the caller.
        for name, value in _whereabouts():
            if not hasattr(record, name):
                setattr(record, name, value)
        return super().handle(record)


def _whereabouts() -> Iterator[tuple[str, Any]]:
    current = running.get(None)
    job = None if current is None else current.current()
    if job is not None:
        yield from (("job_id", job.id), ("job", job.name), ("attempt", job.attempt))
    yield from _process.items()


class JsonFormatter(logging.Formatter):
    """One JSON object on a line: ts, level, logger, event, the fields, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "ts": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        trace = _traceback(self, record)
        if trace:
            line["traceback"] = trace
        # A field called like one of ours keeps both.
        more = {f"{key}_" if key in line else key: value for key, value in _fields(record)}
        return _dump(line | more)


class PeopleFormatter(logging.Formatter):
    """``12:30:01 warning  lease lost  job_id=… worker=…``, then the traceback.

    Args:
        colour: Whether to colour the level and dim the fields.
    """

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with a traceback below it where there is one."""
        clock = f"{_time(record).astimezone():%H:%M:%S}"
        level = self._paint(_COLOURS.get(record.levelname, ""), f"{record.levelname.lower():<8}")
        fields = " ".join(f"{key}={_quoted(value)}" for key, value in _fields(record))
        line = f"{clock} {level} {_one_line(record.getMessage())}"
        if fields:
            line += "  " + self._paint(_DIM, fields)
        trace = _CONTROL.sub(lambda found: repr(found[0])[1:-1], _traceback(self, record))
        return f"{line}\n{trace}" if trace else line

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colour and colour else text


def _wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    for key, value in vars(record).items():
        if key not in _OWN and value is not None:
            yield key, value


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info and record.exc_info[0]:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return "\n".join(parts)


def _dump(line: dict[str, Any]) -> str:
    try:
        return json.dumps(line, default=str, allow_nan=False)
    except (TypeError, ValueError):
        # NaN, a cycle or a key that is no string: a log line is worth more than one type.
        return json.dumps({key: _dumpable(value) for key, value in line.items()}, default=str)


def _dumpable(value: Any) -> Any:
    try:
        json.dumps(value, default=str, allow_nan=False)
    except (TypeError, ValueError):
        return repr(value)
    return value


def _quoted(value: Any) -> str:
    text = str(value)
    bare = text and text.isprintable() and not any(char in ' "=' for char in text)
    return text if bare else json.dumps(text, ensure_ascii=not text.isprintable())


def _one_line(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)
