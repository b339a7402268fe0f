"""Logs of the command line: one line for people, or one JSON object, whatever is in it."""

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import jobqueue.logs
from jobqueue.domain.context import CurrentJob, running
from jobqueue.logs import configure, identify, style, take_over
from tests.support.loggers import own_loggers

log = logging.getLogger("jobqueue.test")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture(autouse=True)
def _own_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the process' loggers back as they were."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    with own_loggers():
        yield


def one_object(stream: io.StringIO) -> dict[str, Any]:
    """Return what the only line of the stream holds."""
    [line] = stream.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def explode(text: str) -> None:
    """Raise an exception with this text."""
    raise ValueError(text)


def fail(text: str) -> None:
    """Log an exception with this text."""
    try:
        explode(text)
    except ValueError:
        log.exception("job failed", extra={"job_id": "j1"})


def test_importing_configures_nothing() -> None:
    """The library adds no handler and no level; that is for programs."""
    code = (
        "import logging, jobqueue, jobqueue.logs\n"
        "for each in (logging.getLogger('jobqueue'), logging.getLogger()):\n"
        "    print(each.handlers, logging.getLevelName(each.level))"
    )
    # In a process of its own: here, other tests may have configured logging.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] NOTSET\n[] WARNING\n"


def test_json_line() -> None:
    """Elsewhere than on a terminal a line is an object: fixed keys, then the fields."""
    stream = io.StringIO()
    configure("info", None, stream)
    log.warning("lease lost", extra={"job_id": "j1", "job": "mail", "attempt": 2, "worker": None})
    line = one_object(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("ts"))
    assert line == {
        "level": "warning",
        "logger": "jobqueue.test",
        "event": "lease lost",
        "job_id": "j1",
        "job": "mail",
        "attempt": 2,
    }
    assert list(one_object(stream))[:4] == ["ts", "level", "logger", "event"]


def test_json_traceback() -> None:
    """An exception's traceback is a field, so the line stays one line."""
    stream = io.StringIO()
    configure("info", "json", stream)
    fail("boom")
    assert one_object(stream)["traceback"].endswith("ValueError: boom")


def test_json_stack() -> None:
    """A stack that was asked for is in the same field."""
    stream = io.StringIO()
    configure("info", "json", stream)
    log.info("where", stack_info=True)
    assert "test_json_stack" in one_object(stream)["traceback"]


def test_json_fields_that_json_lacks() -> None:
    """A value that JSON can't hold costs its own type, not the line."""
    stream = io.StringIO()
    configure("info", "json", stream)
    cycle: list[Any] = []
    cycle.append(cycle)
    fields = {"nan": float("nan"), "cycle": cycle, "keys": {(1, 2): 3}, "kind": int, "n": 1}
    log.info("odd", extra=fields)
    line = one_object(stream)
    assert (line["nan"], line["n"], line["kind"]) == ("nan", 1, "<class 'int'>")
    assert (line["cycle"], line["keys"]) == ("[[...]]", "{(1, 2): 3}")


def test_json_field_called_like_ours() -> None:
    """A field named ``level`` does not overwrite the level."""
    stream = io.StringIO()
    configure("info", "json", stream)
    log.info("clash", extra={"level": 3, "event": "x"})
    line = one_object(stream)
    assert (line["level"], line["level_"], line["event_"]) == ("info", 3, "x")


def test_people_line() -> None:
    """On a terminal a line is time, level, event and fields."""
    stream = io.StringIO()
    configure("info", "people", stream)
    log.warning("lease lost", extra={"job_id": "j1", "error": "no route", "empty": ""})
    pattern = r'\d\d:\d\d:\d\d warning  lease lost  job_id=j1 error="no route" empty=""\n'
    assert re.fullmatch(pattern, stream.getvalue())


def test_people_traceback_follows() -> None:
    """The traceback is below the line, readable."""
    stream = io.StringIO()
    configure("info", "people", stream)
    fail("boom")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("job failed  job_id=j1")
    assert (rest[0], rest[-1]) == ("Traceback (most recent call last):", "ValueError: boom")


def test_people_line_can_not_be_broken() -> None:
    """No value reaches the terminal as a line break or a control sequence."""
    stream = io.StringIO()
    configure("info", "people", stream)
    log.warning("a\nb", extra={"job": "x\n12:00:00 info forged", "error": "\x1b[2J"})
    assert stream.getvalue().count("\n") == 1
    fail("\x1b[2J")
    assert "\x1b" not in stream.getvalue()


def test_colours_on_a_terminal() -> None:
    """A terminal gets lines for people, with colours."""
    stream = Terminal()
    configure("info", None, stream)
    log.warning("lease lost", extra={"job_id": "j1"})
    assert "\x1b[33mwarning \x1b[0m lease lost  \x1b[2mjob_id=j1\x1b[0m" in stream.getvalue()


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colours(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """``NO_COLOR`` and dumb terminals get none."""
    monkeypatch.setenv(name, value)
    stream = Terminal()
    configure("info", None, stream)
    log.warning("lease lost", extra={"job_id": "j1"})
    assert "\x1b" not in stream.getvalue()


def test_json_on_a_terminal_if_asked() -> None:
    """The setting wins over what the stream is."""
    stream = Terminal()
    configure("info", "json", stream)
    log.warning("lease lost")
    assert one_object(stream)["event"] == "lease lost"


@pytest.mark.parametrize(
    ("level", "ours", "theirs"),
    [("debug", 3, 2), ("info", 2, 2), ("warning", 1, 1), ("critical", 0, 0)],
)
def test_levels(level: str, ours: int, theirs: int) -> None:
    """``debug`` is about jobqueue; others stay at ``info`` or above."""
    stream = io.StringIO()
    configure(level, "people", stream)
    for name, count in (("jobqueue.x", ours), ("shop", theirs)):
        before = len(stream.getvalue().splitlines())
        logger = logging.getLogger(name)
        logger.debug("a")
        logger.info("b")
        logger.warning("c")
        assert len(stream.getvalue().splitlines()) - before == count


def test_configuring_again_replaces() -> None:
    """A second call leaves one handler of ours, and everybody else's."""
    first, second = io.StringIO(), io.StringIO()
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    configure("info", "people", first)
    configure("info", "people", second)
    log.info("once")
    assert (first.getvalue(), second.getvalue().count("once")) == ("", 1)
    assert other in logging.getLogger().handlers


def test_lines_of_a_running_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is logged while a handler runs carries the job, and what is said wins."""
    monkeypatch.setattr(jobqueue.logs, "_process", {})
    identify(worker="w1")
    stream = io.StringIO()
    configure("info", "json", stream)
    token = running.set(CurrentJob("j1", "mail", "default", 2, 3, 0, 1_700_000_000_000, 99))
    try:
        logging.getLogger("someone.else").warning("slow", extra={"attempt": "own"})
    finally:
        running.reset(token)
    log.info("later")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["job_id"], first["job"], first["worker"]) == ("j1", "mail", "w1")
    assert first["attempt"] == "own"
    assert second["worker"] == "w1"
    assert "job_id" not in second


@pytest.mark.parametrize(
    ("stream", "form", "inherited"),
    [(Terminal(), None, "people"), (io.StringIO(), None, "json"), (Terminal(), "json", "json")],
)
def test_style(
    stream: io.StringIO, form: str | None, inherited: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child gets the level, the form that was chosen and the fields of every line."""
    monkeypatch.setattr(jobqueue.logs, "_process", {"worker": "w1"})
    configure("warning", form, stream)
    assert style() == ("warning", inherited, {"worker": "w1"})


def test_take_over(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Who takes a style over logs to stderr, and passes the same one on."""
    monkeypatch.setattr(jobqueue.logs, "_process", {})
    parent = ("debug", "json", {"worker": "w1"})
    take_over(parent)
    log.debug("here")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["worker"]) == ("here", "w1")
    assert style() == parent


def test_nothing_to_take_over() -> None:
    """Where nobody configured logs there is no style, and taking it over changes nothing."""
    logging.getLogger().handlers.clear()
    assert style() is None
    take_over(None)
    assert logging.getLogger().handlers == []
