"""Pauses: of a queue, of everything, of a worker, on real workers."""

import asyncio
from typing import Any, cast

import psycopg
import pytest

from jobqueue import (
    BrokerUnavailable,
    InvalidJob,
    Job,
    JobQueue,
    Pause,
    WorkerNotFound,
    WorkerQuiet,
    WorkerSilent,
    current_job,
)
from jobqueue.broker import pauses
from jobqueue.broker.calls import Call
from jobqueue.broker.lanes import Lane
from jobqueue.broker.pauses import hold
from jobqueue.client import pausing
from jobqueue.domain.pauses import EVERYTHING, Note, pack
from jobqueue.settings import Settings
from tests.support.keyspace import miscounted
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until


def working(
    stage: Stage, queue: str | None = None, gate: asyncio.Event | None = None
) -> Job[..., Any, Any]:
    """Declare a job that notes its id; where there is a gate the first one waits for it."""

    @stage.app.job(name="work", queue=queue)
    async def work() -> None:
        stage.log.append(current_job().id)
        if gate is not None and len(stage.log) == 1:
            await gate.wait()

    return work


async def woken(stage: Stage) -> None:
    """Let an idle worker look into its queue; return when it has."""

    async def looked() -> bool:
        return await stage.broker.token() == 0

    await stage.broker.redis("LPUSH", stage.broker.keys.wake("default"), 1)
    await wait_until(looked, description="a look into the queue")


async def test_a_paused_queue(stage: Stage) -> None:
    """It accepts jobs, its running jobs go on, and no worker takes one until it is resumed."""
    gate = asyncio.Event()
    work = working(stage, gate=gate)
    async with stage.app.worker(), stage.app.worker():
        running = await work.enqueue()
        await stage.logged(1)
        await stage.app.pause("default", reason="vendor is down", operator="ann")
        waiting = [await work.enqueue() for _ in range(20)]
        gate.set()
        await stage.ended(running.id)
        async with stage.app.worker():  # one that starts later holds it too
            await woken(stage)
            assert stage.log == [running.id]
            assert await stage.broker.length("ready:2") == 20
            [pause] = await stage.app.pauses()
            assert (pause.queue, pause.operator, pause.reason) == (
                "default", "ann", "vendor is down",
            )  # fmt: skip
            assert await stage.app.resume("default")
            await stage.ended(*(job.id for job in waiting))
    assert await stage.app.pauses() == []
    assert not await stage.app.resume("default")
    assert miscounted(stage.broker.url) == []
    assert await stage.broker.value("rules") is None


async def test_all_and_one(stage: Stage) -> None:
    """A pause of everything and one of a queue end each by itself; new queues are held as well."""
    work = working(stage)
    await stage.app.enqueue_many([work.prepare()])
    await stage.app.pause("default", reason="one")
    await stage.app.pause_all(reason="all")
    assert [(each.queue, each.reason) for each in await stage.app.pauses()] == [
        (None, "all"), ("default", "one"),
    ]  # fmt: skip
    assert await stage.app.resume_all()
    assert await stage.broker.fetch() == []
    await stage.app.pause_all()
    await stage.app.resume("default")
    assert await stage.broker.fetch() == []
    new = await work.options(queue="new").enqueue()
    async with stage.app.worker(queues=["new"]):
        await stage.app.resume_all()
        assert await stage.logged(1) == [new.id]


async def test_twice(redis_url: str, history_url: str) -> None:
    """The first of two pauses stays; what was not paused is not resumed; the log tells of deeds."""
    async with stage_on(redis_url, database_url=history_url) as stage:
        app = stage.app
        await app.set_limit("default", "limit:queue", 2)
        assert not await app.resume("default")
        assert await app.pause("default", reason="first", operator="ann") is None
        before = await app.pause("default", reason="second", operator="bob")
        assert [before] == await app.pauses()
        assert (before and before.operator, before and before.reason) == ("ann", "first")
        assert await app.pause_all(operator="ann") is None
        assert (await app.pause_all(operator="bob")) == (await app.pauses())[0]
        assert await app.resume_all()
        assert not await app.resume_all()
        # A node was away when it was lifted: what is left of it is no less a pause.
        await stage.broker.redis("DEL", stage.broker.keys.paused)
        assert await app.resume("default")
        assert not await app.resume("default")
    with psycopg.connect(history_url) as sql:
        rows = sql.execute("SELECT action FROM jobqueue.operator_log ORDER BY id").fetchall()
    actions = [action for (action,) in rows]
    assert actions == ["limits.set", "pause", "pause", "resume", "resume"]


async def test_a_queue_that_comes_later(stage: Stage) -> None:
    """Everything is paused: so is a queue of which nobody knew, as soon as a worker serves it."""
    work = working(stage, "late")
    await stage.app.pause_all()
    job = await work.enqueue()
    async with stage.app.worker(queues=["late"]):
        counts = {each.name: each for each in await stage.app.queue_counts()}
        assert sum(counts["late"].ready.values()) == 1
        assert stage.log == []
        await stage.app.resume_all()
        assert await stage.logged(1) == [job.id]


class Overtaken:
    """A lane on which somebody lifts every pause after the first look at them."""

    def __init__(self, stage: Stage) -> None:
        self._lane = stage.broker.lane
        self._lift = ("DEL", stage.broker.keys.paused)
        self.call = self._lane.call
        self.place = self._lane.place

    async def command(self, *command: Any) -> Any:
        """Run a command, and behind it what the other one does."""
        answer = await self._lane.command(*command)
        await self._lane.command(*self._lift)
        return answer


async def test_lifted_while_a_worker_starts(stage: Stage) -> None:
    """A worker that read a pause which was lifted meanwhile leaves none behind."""
    broker = stage.broker
    note = pack(Note("ann", 1, "why"))
    await broker.redis("HSET", broker.keys.paused, EVERYTHING, note)
    lane = cast("Lane", Overtaken(stage))
    await hold(lane, broker.keys, {"default": ["default"]})
    assert await broker.value("rules") is None
    await broker.enqueue("a")
    assert await broker.drain() == ["a"]


async def test_lifted_while_it_is_paused(stage: Stage) -> None:
    """Who pauses what somebody else resumes meanwhile leaves no pause that no list shows."""
    broker = stage.broker
    note = pack(Note("ann", 1, "why"))
    await pauses.pause(cast("Lane", Overtaken(stage)), broker.keys, "default", note)
    assert await stage.app.pauses() == []
    assert await broker.value("rules") is None


class PartlyAway:
    """A lane to servers of which one, which has a single queue, is away."""

    def __init__(self, stage: Stage, queue: str) -> None:
        self._lane = stage.broker.lane
        self._away = stage.broker.keys.base(queue)
        self.command, self.place = self._lane.command, self._lane.place

    async def call(self, call: Call[Any]) -> Any:
        """Run a script, unless it is for the server that is away."""
        if call.key == self._away:
            raise BrokerUnavailable("away")
        return await self._lane.call(call)


async def test_a_node_that_is_away(stage: Stage) -> None:
    """The queues elsewhere are paused, resumed and held all the same; then the error is raised."""
    broker, note = stage.broker, pack(Note("ann", 1, "why"))
    for queue in ("a", "default"):
        await stage.app.ref("x").options(queue=queue).enqueue()
    lane = cast("Lane", PartlyAway(stage, "a"))
    with pytest.raises(BrokerUnavailable, match="away"):
        await pauses.pause(lane, broker.keys, EVERYTHING, note)
    assert await broker.fetch() == []
    with pytest.raises(BrokerUnavailable, match="away"):
        await pauses.resume(lane, broker.keys, EVERYTHING)
    assert await broker.value("rules") is None
    await broker.redis("HSET", broker.keys.paused, EVERYTHING, note)
    with pytest.raises(BrokerUnavailable, match="away"):
        await hold(lane, broker.keys, {"a": ["a"], "default": ["default"]})
    assert await broker.fetch() == []


async def test_limits_and_pauses(stage: Stage) -> None:
    """Limits stand beside a pause, change while it lasts, and do not show it."""
    await stage.app.set_limit("default", "limit:queue", 2)
    await stage.app.pause("default")
    assert [each.label for each in await stage.app.limits()] == ["limit:queue"]
    await stage.app.set_limit("default", "limit:queue", 3)
    await stage.broker.enqueue("a")
    assert await stage.broker.fetch() == []
    await stage.app.set_limit("default", "limit:queue", None)
    assert await stage.broker.fetch() == []
    await stage.app.resume("default")
    assert await stage.broker.drain() == ["a"]


async def test_wrong_names(stage: Stage) -> None:
    """What can be no queue, and a worker that does not live, are refused."""
    with pytest.raises(InvalidJob, match="can't name a queue"):
        await stage.app.pause("*")
    with pytest.raises(WorkerNotFound, match="no living worker has the id nobody"):
        await stage.app.pause_worker("nobody")


async def living(stage: Stage, n: int) -> list[dict[str, Any]]:
    """Wait until so many workers say that they live."""

    async def found() -> list[dict[str, Any]]:
        workers = await stage.app.living("worker")
        return workers if len(workers) == n else []

    return await wait_until(found, description=f"{n} living workers")


async def test_a_paused_worker(stage: Stage) -> None:
    """It takes nothing and says so until it is resumed; the others go on, and so do its jobs."""
    gate = asyncio.Event()
    work = working(stage, gate=gate)
    async with stage.app.worker() as worker:
        await living(stage, 1)
        running = await work.enqueue()
        await stage.logged(1)
        assert await stage.app.pause_worker(worker.id, reason="odd host", operator="ann") is None
        before = await stage.app.pause_worker(worker.id, reason="again", operator="bob")
        assert before is not None
        assert (before.operator, before.reason) == ("ann", "odd host")
        [said] = await living(stage, 1)
        assert (said["paused"]["operator"], said["paused"]["reason"]) == ("ann", "odd host")
        job = await work.enqueue()
        gate.set()
        await stage.ended(running.id)
        assert stage.log == [running.id]
        async with stage.app.worker():
            await stage.ended(job.id)
        other = await work.enqueue()
        assert await stage.app.resume_worker(worker.id)
        assert not await stage.app.resume_worker(worker.id)
        await stage.ended(other.id)
        assert [each["paused"] for each in await living(stage, 1)] == [None]


async def test_a_quiet_worker(stage: Stage) -> None:
    """It takes nothing any more, whatever else it is told."""
    work = working(stage)
    async with stage.app.worker() as worker:
        await living(stage, 1)
        await stage.app.quiet_worker(worker.id)
        await stage.app.pause_worker(worker.id)
        with pytest.raises(WorkerQuiet, match=r"is quiet: only a restart lets it take jobs again"):
            await stage.app.resume_worker(worker.id)
        [said] = await living(stage, 1)
        assert said["quiet"]
        job = await work.enqueue()
        async with stage.app.worker():
            await stage.ended(job.id)
    assert stage.log == [job.id]


async def test_a_silent_worker(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lives and does not listen is named, after a while."""
    monkeypatch.setattr(pausing, "PATIENCE", 0.3)
    keys = stage.broker.keys
    said = b'{"role":"worker","id":"deaf","queues":["default"]}'
    await stage.broker.redis("SADD", keys.services, "worker:deaf")
    await stage.broker.redis("SET", keys.presence("worker:deaf"), said, "PX", 60_000)
    with pytest.raises(WorkerSilent, match=r"deaf did not confirm `quiet` within 0.3 s; look"):
        await stage.app.quiet_worker("deaf")
    assert not await stage.broker.redis("EXISTS", keys.tell("default", "deaf")), "it was told"


def test_sync_forms(redis_url: str) -> None:
    """A program without an event loop pauses and resumes all the same."""
    app = JobQueue(settings=Settings(redis_url=redis_url, operator="bob"))
    app.pause_sync("mail")
    app.pause_all_sync(reason="why")
    found = app.pauses_sync()
    assert all(isinstance(each, Pause) for each in found)
    assert [(each.queue, each.operator, each.reason) for each in found] == [
        (None, "bob", "why"), ("mail", "bob", ""),
    ]  # fmt: skip
    assert app.resume_sync("mail")
    assert app.resume_all_sync()
    for call in (app.pause_worker_sync, app.resume_worker_sync, app.quiet_worker_sync):
        with pytest.raises(WorkerNotFound):
            call("nobody")
