"""The views for people say what the rows say."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jobqueue.history.writer import HistoryWriter
from tests.integration.history.conftest import Ask
from tests.integration.history.records import NOON, dead, milliseconds, record

SECOND = timedelta(seconds=1)


def delivered(seconds: float, **fields: Any) -> Any:
    """Return a record that was enqueued at noon, ready and started so much later, and ran 1 s."""
    at = NOON + seconds * SECOND
    times = {"enqueued_ms": milliseconds(NOON), "ready_ms": milliseconds(at) - 100}
    finished = (milliseconds(at) + 1000) * 1000
    return record(at, **(times | {"finished_us": finished} | fields))


LIFE = [
    delivered(10, job_id="a", final=False, outcome="failed", retry_ms=milliseconds(NOON) + 19_900),
    dead(
        job_id="a",
        attempt=2,
        delivery=2,
        enqueued_ms=milliseconds(NOON),
        ready_ms=milliseconds(NOON + 20 * SECOND) - 100,
        started_us=milliseconds(NOON + 20 * SECOND) * 1000,
        finished_us=milliseconds(NOON + 21 * SECOND) * 1000,
    ),
    delivered(40, job_id="a", run=1, worker="worker-2"),
]


async def test_latest_state(writer: HistoryWriter, ask: Ask) -> None:
    """A job has one row in v_jobs: that of its latest run; others of the same id have their own."""
    await writer.write(LIFE[:2])
    jobs = "SELECT queue, state, run, attempts, redriven_at FROM jobqueue.v_jobs ORDER BY queue"
    assert ask(jobs) == [("default", "dead", 0, 2, None)]
    [(moment,)] = ask("UPDATE jobqueue.dead_letters SET redriven_at = now() RETURNING redriven_at")
    assert ask(jobs) == [("default", "dead", 0, 2, moment)]
    await writer.write([*LIFE[2:], record(job_id="a", queue="other", outcome="cancelled")])
    assert ask(jobs) == [
        ("default", "succeeded", 1, 1, None),
        ("other", "cancelled", 0, 1, None),
    ]


@pytest.mark.parametrize(
    ("seconds", "state", "worker"),
    [
        (-1, None, None),
        (5, "scheduled", None),
        (9.95, "ready", None),
        (10.5, "running", "worker-1"),
        (15, "retrying", None),
        (19.95, "ready", None),
        (20.5, "running", "worker-1"),
        (30, "dead", None),
        (40.5, "running", "worker-2"),
        (50, "succeeded", None),
    ],
)
async def test_the_state_at_a_moment(
    writer: HistoryWriter, ask: Ask, seconds: float, state: str | None, worker: str | None
) -> None:
    """A job that was delayed, retried, buried, put back and done has one state at each moment."""
    await writer.write(LIFE)
    found = ask(
        "SELECT state, worker FROM jobqueue.state_at(%s) WHERE job_id = 'a'",
        NOON + seconds * SECOND,
    )
    assert found == ([] if state is None else [(state, worker)])


async def test_the_state_at_a_moment_looks_no_further_than_asked(
    writer: HistoryWriter, ask: Ask
) -> None:
    """Rows that ended more than the span before or after are not looked at."""
    await writer.write(LIFE)
    for seconds in (5, 120):
        moment = NOON + seconds * SECOND
        call = "SELECT count(*) FROM jobqueue.state_at(%s, interval '4 s')"
        assert ask(call, moment) == [(0,)]


async def test_failures(writer: HistoryWriter, ask: Ask) -> None:
    """Failures with the same cause are one row, with what the latest of them said."""
    hour = timedelta(hours=1)
    tracebacks = {"traceback": 'File "/srv/jobs.py", line 1, in send\n'}
    rows = [
        dead(**tracebacks, error_message="no user 1"),
        dead(moment=NOON + hour, **tracebacks, error_message="no user 2", job_id="latest"),
        dead(moment=NOON, error_type="builtins.KeyError"),
        dead(outcome="lost", error_type=None, error_message=None, traceback=None),
        record(),
    ]
    await writer.write(rows)
    found = ask(
        "SELECT failures, error_type, latest_message, latest_job_id, last_seen - first_seen > %s"
        " FROM jobqueue.v_failures ORDER BY failures DESC, error_type",
        hour / 2,
    )
    assert found[0] == (2, "builtins.ValueError", "no user 2", "latest", True)
    assert [(count, kind) for count, kind, *_ in found[1:]] == [
        (1, "builtins.KeyError"),
        (1, None),
    ]
    [(prints,)] = ask("SELECT count(DISTINCT fingerprint) FROM jobqueue.v_failures")
    assert prints == 2


async def test_views_read_few_rows_before_any_statistics(writer: HistoryWriter, ask: Ask) -> None:
    """Fresh partitions have no statistics, and the plans do not depend on them."""
    await writer.write([record() for _ in range(2000)])
    slow = "EXPLAIN SELECT * FROM jobqueue.{}"
    for view in ("v_job_stats WHERE name = 'x'", "state_at(now())", "v_jobs WHERE job_id = 'x'"):
        plan = "\n".join(line for (line,) in await asyncio.to_thread(ask, slow.format(view)))
        assert "Seq Scan on job_executions" not in plan, plan
