"""Names that may be misspelt, and headings that can't be misread; no server is asked."""

from datetime import UTC, datetime
from typing import Any

import pytest

from jobqueue import JobQueue
from jobqueue.cli import timetables
from jobqueue.domain.errors import BrokerUnavailable
from jobqueue.domain.jobs import Priority
from jobqueue.domain.listing import JobPage
from jobqueue.domain.plans import ScheduleView
from jobqueue.domain.timing import Timing
from jobqueue.domain.views import QueueView

from .conftest import Run

SERVERS = (
    *("--redis-url", "redis://127.0.0.1:1"),
    *("--database-url", "postgresql://nobody@127.0.0.1:1/nothing"),
)
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
QUEUE = QueueView(
    name="mail",
    ready=dict.fromkeys(Priority, 0),
    running=0,
    scheduled=0,
    journal=0,
    journal_bad=0,
    oldest_ms=None,
    names={"send": {"succeeded": 940, "dead": 3}},
)
ANSWERS = {
    "queue_counts_sync": [QUEUE],
    "living_sync": [{"names": ["send"], "queues": ["mail"], "rates": {}}],
    "pauses_sync": [],
    "purge_sync": 0,
    "list_jobs_sync": JobPage([], None),
    "set_limit_sync": [],
    "schedules_sync": [],
    "schedule_ledger_sync": [],
}
NEW = "jobqueue: queue mial has never had a job; did you mean 'mail'?\n"


@pytest.fixture(autouse=True)
def _answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an installation answer that has one queue, one worker and no schedule."""
    for name, answer in ANSWERS.items():
        monkeypatch.setattr(JobQueue, name, lambda *_, answer=answer, **__: answer)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["purge", "mial", "--dry-run"], NEW),
        (["purge", "mial", "--yes"], NEW),
        (["purge", "mail", "--yes"], ""),
        (["jobs", "list", "--queue", "mial"], NEW),
        (["jobs", "list", "--queue", "mail"], ""),
        (["jobs", "list"], ""),
        (
            ["limits", "set", "mail", "rate:job:sned", "100/1m"],
            "jobqueue: no live worker knows sned; did you mean 'send'?\n",
        ),
        (["limits", "set", "mail", "limit:job:send", "5"], ""),
        (["limits", "set", "mail", "limit:job:gone", "none"], ""),
        (["limits", "set", "mail", "limit:queue", "5"], ""),
    ],
)
def test_a_name_that_nobody_has_heard_of(run: Run, call: list[str], said: str) -> None:
    """The command does what it can, exits 0, and says on stderr what may be wrong."""
    ended = run(*SERVERS, *call)
    assert (ended.code, ended.err) == (0, said)


def test_a_hint_fails_no_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done is done: where Redis can't say whether a name is known, nothing is said."""

    def away(*_: Any, **__: Any) -> Any:
        raise BrokerUnavailable("gone")

    monkeypatch.setattr(JobQueue, "queue_counts_sync", away)
    ended = run(*SERVERS, "purge", "mial", "--yes")
    assert (ended.code, ended.err) == (0, "")


def test_an_unknown_schedule(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not found, unless it has left rows: then it was removed."""
    ended = run(*SERVERS, "schedules", "audit", "gone")
    assert (ended.code, ended.err) == (3, "jobqueue: there is no schedule gone\n")

    def ledger(_: Any, name: str, **where: Any) -> list[Any]:
        return [] if where.get("since") else [name]

    monkeypatch.setattr(JobQueue, "schedule_ledger_sync", ledger)
    assert run(*SERVERS, "schedules", "audit", "gone", "--since", "1h").code == 0


def test_what_counts_from_the_beginning(run: Run) -> None:
    """Jobs that ended are not there any more, and the heading says so."""
    head, row = run(*SERVERS, "queues", "--by", "name").out.splitlines()[:2]
    assert head.endswith("RUNNING  EVER SUCCEEDED  EVER DEAD")
    assert row.split()[-2:] == ["940", "3"]


def test_a_paused_schedule() -> None:
    """It has no next time, since that one will be skipped; who paused it is told, and why."""
    view = ScheduleView(
        name="often",
        job="send",
        queue="mail",
        priority="normal",
        lock=None,
        timing=Timing(every=60.0),
        declared=False,
        arguments={},
        paused_at=NOON,
        paused_by="ann",
        pause_reason="too loud",
    )
    assert timetables.listed([view]).endswith("mail   -     stored  by ann: too loud")
    page = timetables.page(view, [])
    assert "by ann since 2030-01-31 12:00:00.000Z: too loud\n" in page
    assert "next" not in page
