"""What an app changes about jobs: one by one and many, with the operator log."""

import asyncio
import logging
import socket
from collections import Counter
from typing import Any

import psycopg
import pytest

from jobqueue import (
    ConfigurationError,
    HistoryUnavailable,
    InvalidJob,
    Job,
    JobConflict,
    JobNotFound,
    JobQueue,
    Priority,
    State,
    Swept,
)
from jobqueue.broker import waiting
from jobqueue.client import draining, logbook
from jobqueue.settings import Settings
from tests.support.keyspace import miscounted
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until

HOUR = 3600.0
LOG = "SELECT operator, action, queue, job_id, filter, reason, details FROM jobqueue.operator_log"


def logged(url: str) -> list[tuple[Any, ...]]:
    """Return the rows of the operator log, the oldest first."""
    with psycopg.connect(url) as connection:
        return connection.execute(f"{LOG} ORDER BY id").fetchall()


def noting(stage: Stage, **options: Any) -> Job[..., Any, Any]:
    """Declare a job that notes its arguments."""

    @stage.app.job(name="note", **options)
    async def note(*args: Any, **named: Any) -> Any:
        stage.log.append([*args, *named.values()])
        return args

    return note


async def test_every_command_is_logged(redis_url: str, history_url: str) -> None:
    """Who, when, what and why: a row for each, in their order; none for what was refused."""
    async with stage_on(redis_url, database_url=history_url, operator="ann") as stage:
        note = noting(stage)
        a, b, c = [await note.options(delay=HOUR).enqueue() for _ in range(3)]
        app = stage.app
        assert await app.set_priority(a.id, "high", reason="r1") is State.SCHEDULED
        assert await app.run_now(a.id, reason="r2", operator="bob") is State.SCHEDULED
        assert await app.delete(a.id, reason="r3") is State.READY
        assert await app.cancel(b.id, reason="r4") is State.SCHEDULED
        assert await app.cancel_all(name="note", reason="r5") == Swept(1, 0)
        assert await app.purge("default", priority="low") == 0
        await app.pause("default", reason="r7")
        await app.resume("default")
        await app.pause_all()
        await app.resume_all()
        await app.set_limit("default", "limit:queue", 5)
        await app.set_limit("default", "limit:queue", None)
        for wrong, text in (
            (app.cancel(c.id), f"job {c.id} is cancelled already"),
            (app.run_now(a.id), "only a scheduled or retrying job can be made ready"),
            (app.set_priority(b.id, "low"), "only a job that waits can get another priority"),
        ):
            with pytest.raises(JobConflict, match=text):
                await wrong
        with pytest.raises(JobNotFound):
            await app.cancel("gone")
    state = {"state": "scheduled"}
    purge = {"queue": "default", "priority": "low"}
    lift = {"label": "limit:queue", "n": 5, "per_ms": None}
    assert logged(history_url) == [
        ("ann", "jobs.priority", "default", a.id, None, "r1", state | {"priority": "high"}),
        ("bob", "jobs.run-now", "default", a.id, None, "r2", state),
        ("ann", "jobs.delete", "default", a.id, None, "r3", {"state": "ready"}),
        ("ann", "jobs.cancel", "default", b.id, None, "r4", state),
        ("ann", "jobs.cancel", None, None, {"name": "note"}, "r5", {"waiting": 1, "running": 0}),
        ("ann", "purge", "default", None, purge, None, {"waiting": 0, "running": 0}),
        ("ann", "pause", "default", None, None, "r7", None),
        ("ann", "resume", "default", None, None, None, None),
        ("ann", "pause", None, None, None, None, None),
        ("ann", "resume", None, None, None, None, None),
        ("ann", "limits.set", "default", None, None, None, lift),
        ("ann", "limits.set", "default", None, None, None, lift | {"n": None}),
    ]


async def test_without_postgresql(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """With PostgreSQL away it is done all the same, and a warning says what the log lacks."""
    away = "postgresql://nobody@127.0.0.1:1/nothing"
    async with stage_on(redis_url, database_url=away, operator="ann") as stage:
        job = await noting(stage).enqueue()
        with caplog.at_level(logging.WARNING, "jobqueue"):
            await stage.app.pause("default", reason="now")
            assert await stage.broker.fetch() == []
            assert await stage.app.cancel(job.id) is State.READY
            await stage.app.resume("default")
    said = [
        (each.message, each.__dict__["action"], each.__dict__["operator"])
        for each in caplog.records
    ]
    text = "not in the operator log"
    assert said == [(text, action, "ann") for action in ("pause", "jobs.cancel", "resume")]


async def test_a_silent_postgresql(
    redis_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes the connection and says nothing holds nobody up for long."""
    monkeypatch.setattr(logbook, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        url = f"postgresql://nobody@127.0.0.1:{port}/nothing"
        async with stage_on(redis_url, database_url=url) as stage:
            with caplog.at_level(logging.WARNING, "jobqueue"):
                await asyncio.wait_for(stage.app.pause("default"), 3)
            assert await stage.app.pauses()
            await stage.app.resume("default")
    assert [vars(each)["error"] for each in caplog.records][:1] == ["it is silent"]


async def test_cancel_by_tag_and_name(stage: Stage) -> None:
    """Everything that fits is cancelled, wherever it waits or runs; the rest goes on."""
    note = noting(stage)

    @stage.app.job(name="other")
    async def other() -> None:
        stage.log.append("other")

    def tagged(*tags: str, **options: Any) -> Any:
        return note.options(tags=tags, **options)

    locked = [await tagged("x", lock="l").enqueue() for _ in range(3)]
    later = await tagged("y", "x", delay=HOUR).enqueue()
    [running] = await stage.broker.fetch(slots=1)
    keep = [await tagged("y").enqueue(), await other.options(tags=["xx"]).enqueue()]
    assert await stage.app.cancel_all(tag="x", dry_run=True) == Swept(3, 1)
    assert await stage.broker.told() == []
    assert await stage.app.cancel_all(tag="x", reason="bad") == Swept(3, 1)
    assert await stage.app.cancel_all(tag="x") == Swept(0, 0)
    assert await stage.broker.told() == [running.token]
    assert await stage.app.cancel_all(tag="y", name="other") == Swept()
    ends = {row.job_id: (row.outcome, row.error_message) for row in await stage.rows()}
    assert ends == {job.id: ("cancelled", "bad") for job in (*locked[1:], later)}
    assert await stage.broker.finish(running, state="cancelled") == "k"
    assert set(await stage.broker.drain()) == {job.id for job in keep}
    assert miscounted(stage.broker.url) == []
    with pytest.raises(ConfigurationError, match="name a queue, a job name or a tag"):
        await stage.app.cancel_all()
    with pytest.raises(InvalidJob, match="can't name a job"):
        await stage.app.cancel_all(name="two words")


async def test_purge(stage: Stage) -> None:
    """A priority or a queue is emptied, with lines, limits and delays; keys are free again."""
    note = noting(stage, unique=None)
    ready = [await note.enqueue(n) for n in range(700)]
    await note.options(priority="low").enqueue()
    line = [await note.options(lock="l", priority="high").enqueue() for _ in range(5)]
    await note.options(delay=HOUR).enqueue()
    assert await stage.app.purge("default", priority="normal", dry_run=True) == len(ready) + 1
    assert await stage.app.purge("default", priority="normal") == len(ready) + 1
    assert await stage.app.purge("default", priority="high") == len(line)
    assert await stage.broker.line("l") == []
    assert await stage.app.purge("default", reason="spring") == 1
    rows = await stage.rows()
    assert Counter((row.outcome, row.reason) for row in rows) == {("cancelled", "purged"): 707}
    assert rows[-1].error_message == "spring"
    assert miscounted(stage.broker.url) == []
    assert await stage.app.purge("nowhere") == 0
    assert await stage.broker.drain() == []


async def test_a_long_line(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read page by page, and each of its jobs is met once, though pages shrink."""
    monkeypatch.setattr(waiting, "PAGE", 3)
    note = noting(stage)
    head, *line = [
        await note.options(lock="l", tags=["odd"] if n % 2 else []).enqueue() for n in range(12)
    ]
    assert await stage.app.cancel_all(tag="odd", dry_run=True) == Swept(6, 0)
    assert await stage.app.cancel_all(tag="odd") == Swept(6, 0)
    assert await stage.broker.line("l") == [head.id, *(job.id for job in line[1::2])]
    assert await stage.app.purge("default") == 6
    assert await stage.broker.line("l") == []


async def test_reenqueue(redis_url: str, history_url: str) -> None:
    """A job that has ended, and that only the history knows, runs once more under another id."""
    async with stage_on(redis_url, database_url=history_url) as stage:
        note = noting(stage)
        options: dict[str, Any] = {"tags": ["t"], "metadata": {"m": 1}, "priority": "high"}
        async with stage.app.worker(), stage.app.scheduler():
            job = await note.options(**options).enqueue(1, "two", three=[3])
            await job.result(timeout=20)
            await _recorded(stage, job.id)
            again = await stage.app.reenqueue(job.id, reason="why", operator="ann")
            assert again.id != job.id
            assert await again.result(timeout=20) == [1, "two"]
            [found] = await stage.app.find(again.id)
            assert stage.log == [[1, "two", [3]]] * 2
        assert (list(found.tags or ()), found.metadata) == (["t"], {"m": 1})
        assert found.priority is Priority.HIGH
    [row] = logged(history_url)
    assert row[:4] == ("ann", "jobs.reenqueue", "default", job.id)
    assert row[5:] == ("why", {"new_job_id": again.id})


async def _recorded(stage: Stage, job_id: str) -> None:
    async def gone() -> bool:
        return not await stage.broker.redis("EXISTS", stage.broker.keys.job("default", job_id))

    await wait_until(gone, description="the job's row is in PostgreSQL")


async def test_reenqueue_refused(stage: Stage) -> None:
    """What has not ended, what is dead and what is not there are not enqueued again."""
    note = noting(stage)
    waiting, dead = await note.options(delay=HOUR).enqueue(), await note.enqueue()
    await stage.broker.finish(await stage.broker.take(), state="dead")
    for job, text in ((waiting, "has not ended"), (dead, f"`jobqueue dlq retry {dead.id}` puts")):
        with pytest.raises(JobConflict, match=text):
            await stage.app.reenqueue(job.id)
    with pytest.raises(JobNotFound):
        await stage.app.reenqueue("gone")

    @stage.app.job(redact=["secret"])
    async def hiding(secret: str) -> None:
        """Have an argument that nobody may see."""

    hidden = await hiding.enqueue("s")
    await stage.app.cancel(hidden.id)
    with pytest.raises(InvalidJob, match=r"these are hidden: secret"):
        await stage.app.reenqueue(hidden.id)


async def test_one_id_in_two_queues(stage: Stage) -> None:
    """Whatever is asked for, one of the two must be named."""
    note, app = noting(stage), stage.app
    for queue in ("a", "default"):
        await note.options(queue=queue, delay=HOUR, job_id="twice").enqueue()
    for call in (app.cancel, app.delete, app.why, app.reenqueue, app.run_now):
        with pytest.raises(ConfigurationError, match="queues a, default each have a job twice"):
            await call("twice")
    assert await app.cancel("twice", queue="a") is State.SCHEDULED


def test_sync_forms(redis_url: str) -> None:
    """A program without an event loop can do all of it."""
    app = JobQueue(settings=Settings(redis_url=redis_url))
    with app:
        first, second = [app.ref("a").options(delay=HOUR).enqueue_sync(1) for _ in range(2)]
        assert app.set_priority_sync(first.id, "low") is State.SCHEDULED
        assert app.run_now_sync(first.id) is State.SCHEDULED
        assert app.delete_sync(first.id) is State.READY
        assert app.cancel_sync(second.id) is State.SCHEDULED
        assert app.reenqueue_sync(second.id, delay=HOUR).id != second.id
        assert app.cancel_all_sync(name="a") == Swept(1, 0)
        assert app.purge_sync("default") == 0


async def test_purge_beside_workers(stage: Stage) -> None:
    """Each job ends once, run or purged, while workers run what the purge has not reached yet."""
    note = noting(stage)
    jobs = await stage.app.enqueue_many(
        note.options(lock=f"l{n % 7}" if n % 2 else None).prepare(n) for n in range(600)
    )
    async with stage.app.worker(concurrency=5):
        await stage.logged(20)
        purged = await stage.app.purge("default")
        rows = await stage.ended(*(job.id for job in jobs))
    outcomes = Counter(row.outcome for row in rows)
    assert outcomes == {"cancelled": purged, "succeeded": len(jobs) - purged}
    assert len(stage.log) == len(jobs) - purged
    assert miscounted(stage.broker.url) == []


async def test_a_purge_waits_for_the_recorder(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above half of its bound the journal takes no more; without a recorder that is an error."""
    bound = 1024**2
    monkeypatch.setattr(draining, "PATIENCE", 0.5)
    async with stage_on(redis_url, journal_limit=bound) as stage:
        broker = stage.broker

        async def size() -> int:
            return int(await broker.redis("GET", broker.keys.journal_size("default")) or 0)

        note = noting(stage)
        await stage.app.enqueue_many([note.prepare("x" * 1500) for _ in range(800)])
        with pytest.raises(HistoryUnavailable, match="no recorder takes anything out of it"):
            await stage.app.purge("default")
        ended = len(await stage.rows())
        assert 200 <= ended < 800
        assert bound / 2 < await size() < bound
        purge = asyncio.create_task(stage.app.purge("default"))
        while not purge.done():
            assert await size() < bound
            await broker.recorded()
        assert await purge == 800 - ended
