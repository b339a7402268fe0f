"""A reclaimer looks again before it takes, and takes nothing from a worker that lives."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from jobqueue.broker.calls import Calls
from jobqueue.broker.keys import Keys
from jobqueue.broker.servers import Server
from jobqueue.domain.errors import BrokerUnavailable
from jobqueue.worker.reclaimer import Complaints, Reclaimer
from tests.support.broker import Broker, connect
from tests.support.stage import SHORT, Stage, stage_on
from tests.support.waiting import wait_until

THIRD = SHORT / 3


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    """A queue where worker ``w1`` holds a job, by a lease that is over."""
    async with connect(redis_url) as broker:
        await broker.enqueue("job")
        await broker.take("w1")
        await broker.lapse("w1")
        yield broker


@pytest.fixture
async def reclaimer(redis_url: str, broker: Broker) -> AsyncIterator[Reclaimer]:
    """A reclaimer that has seen nothing yet."""
    async with Server(redis_url).lane() as lane:
        yield Reclaimer(lane, broker.calls, [broker.queue], SHORT, 3)


async def taken(reclaimer: Reclaimer, broker: Broker) -> float:
    """Sweep until the job is taken; return the seconds that this took."""
    began = time.monotonic()

    async def swept() -> bool:
        await reclaimer.sweep()
        return (await broker.state("job"))["state"] == "ready"

    await wait_until(swept, description="the job taken")
    return time.monotonic() - began


async def test_a_look_is_not_enough(reclaimer: Reclaimer, broker: Broker) -> None:
    """A lease that is over is taken a third of a life after it was first seen so."""
    assert await taken(reclaimer, broker) >= THIRD
    assert await broker.lease("w1") is None


async def test_a_renewal_wipes_the_suspicion(reclaimer: Reclaimer, broker: Broker) -> None:
    """After any renewal, also a useless one, the worker has its third of a life again."""
    await suspected(reclaimer, looks=1)
    await broker.renew("w1")
    await broker.lapse("w1")
    assert await taken(reclaimer, broker) >= THIRD


async def suspected(reclaimer: Reclaimer, looks: int) -> None:
    """Sweep until the worker is suspect and has had so many more looks."""

    async def swept() -> bool:
        await reclaimer.sweep()
        return [suspect.looks for suspect in reclaimer._suspects.values()] == [looks]

    await wait_until(swept, description=f"a suspect after {looks} more looks")


@pytest.mark.parametrize("looks", [0, 1])
async def test_a_stall_begins_it_all_anew(redis_url: str, broker: Broker, looks: int) -> None:
    """While Redis does not answer no time passes: the worker could not renew either."""
    async with Server(redis_url).lane(timeout=1.0) as lane:
        await stalled(Reclaimer(lane, broker.calls, [broker.queue], SHORT, 3), broker, looks)


async def stalled(reclaimer: Reclaimer, broker: Broker, looks: int) -> None:
    """Stop Redis for longer than the reclaimer waits for an answer."""
    await suspected(reclaimer, looks)
    await broker.redis("CLIENT", "PAUSE", 2500, "ALL")
    over = time.monotonic() + 2.5
    sweeping = asyncio.create_task(reclaimer.run())
    try:
        await wait_until(lambda: not reclaimer._suspects, description="a sweep that failed")
        assert (await broker.state("job"))["state"] == "running"
        await wait_until(lambda: reclaimer._suspects, description="a suspect again")
        await wait_until(lambda: not reclaimer._suspects, description="the job taken")
    finally:
        sweeping.cancel()
    assert (await broker.state("job"))["state"] == "ready"
    assert time.monotonic() - over >= THIRD


async def test_a_long_answer_is_one_look(redis_url: str, broker: Broker) -> None:
    """Right after a stall a suspect is looked at, and left the time for a heartbeat."""
    async with Server(redis_url).lane() as lane:
        patient = Reclaimer(lane, broker.calls, [broker.queue], SHORT, 3)
        await suspected(patient, 0)
        await broker.redis("CLIENT", "PAUSE", 1500, "ALL")
        await patient.sweep()
        over = time.monotonic()
        assert (await broker.state("job"))["state"] == "running"
        await taken(patient, broker)
    assert time.monotonic() - over >= THIRD / 2


async def test_a_clock_that_steps_takes_nothing(redis_url: str, broker: Broker) -> None:
    """A lease that looks long over, since the server's clock was set, is looked at all the same."""
    async with Server(redis_url).lane() as lane:
        # A third of such a life is longer than any stall between two looks.
        await stepped(Reclaimer(lane, broker.calls, [broker.queue], 60, 3), broker)


async def stepped(reclaimer: Reclaimer, broker: Broker) -> None:
    """Set back the end of a lease, and look twice."""
    key, an_hour_ago = broker.keys.leases(broker.queue), await broker.now_ms() - 3_600_000
    await broker.redis("ZADD", key, "XX", an_hour_ago, "w1")
    await reclaimer.sweep()
    await reclaimer.sweep()
    assert (await broker.state("job"))["state"] == "running"
    await broker.renew("w1", 60_000)
    assert await reclaimer.sweep() > 20
    assert reclaimer._suspects == {}


async def test_more_than_a_batch_is_taken(reclaimer: Reclaimer, broker: Broker) -> None:
    """A dead worker's jobs come back whole, however many it held."""
    names = [f"job-{number}" for number in range(450)]
    await broker.enqueue(*names)
    assert len(await broker.fetch("w1", 450)) == 450
    await broker.lapse("w1")
    await taken(reclaimer, broker)
    assert await broker.length("again:2") == 451


@pytest.mark.parametrize("pauses", [[1500, 100, 1500], [3500]], ids=["short", "long"])
async def test_a_stalled_server_costs_no_living_worker_its_jobs(
    redis_url: str, pauses: list[int]
) -> None:
    """Stalls longer than a third of a lease, or than a lease, take no job from anybody."""
    release = asyncio.Event()
    async with stage_on(redis_url, lease=SHORT) as stage:

        @stage.app.job()
        async def work() -> None:
            stage.log.append("started")
            await release.wait()

        jobs = await stage.app.enqueue_many(work.prepare() for _ in range(4))
        async with stage.app.worker(concurrency=2), stage.app.worker(concurrency=2):
            await stage.logged(4)
            for pause in pauses:
                await stage.broker.redis("CLIENT", "PAUSE", pause, "ALL")
                await stage.broker.redis("PING")
            await beaten(stage, times=3)
            release.set()
            await stage.ended(*(job.id for job in jobs))
        assert {row.outcome for row in await stage.rows()} == {"succeeded"}
    assert len(stage.log) == 4


async def beaten(stage: Stage, times: int) -> None:
    """Wait until both workers have renewed their leases again and again."""
    seen: set[float] = set()

    async def renewed() -> bool:
        key = stage.broker.keys.leases("default")
        rows = await stage.broker.redis("ZRANGE", key, 0, -1, "WITHSCORES")
        seen.update(score for _, score in rows)
        return len(rows) == 2 and len(seen) >= 2 * times

    await wait_until(renewed, description=f"{times} renewals of both leases")


def told(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    """Return the fields of each line of an event that say what it is about."""
    fields = ("queue", "partition", "queues", "error")
    return [
        {name: value for name, value in vars(record).items() if name in fields}
        for record in caplog.records
        if record.message == event
    ]


async def test_a_lost_worker_in_a_partition(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the queue that people know, and the partition as a field of its own."""
    async with connect(redis_url) as broker:
        broker.queue = "events#3"
        await broker.enqueue("job")
        await broker.take("w1")
        await broker.lapse("w1")
        async with Server(redis_url).lane() as lane:
            await taken(Reclaimer(lane, broker.calls, [broker.queue], SHORT, 3), broker)
    assert told(caplog, "worker lost") == [{"queue": "events", "partition": 3}]


async def test_a_failure_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Partitions of a queue that fail for one reason make one line, until one is well again."""
    complaints, error = Complaints(), BrokerUnavailable("no answer")
    for names in (["a#0"], ["a#1"], ["a#0"], ["b"], ["b", "c#0", "c#1"]):
        complaints.failed(names, error)
    each: list[dict[str, Any]] = [{"queue": "a"}, {"queue": "b"}, {"queues": ["b", "c"]}]
    assert told(caplog, "sweep failed") == [{**whose, "error": "no answer"} for whose in each]
    caplog.clear()
    complaints.failed(["a#1"], BrokerUnavailable("another reason"))
    complaints.over(["b"])
    complaints.failed(["b"], error)
    errors = [(line["queue"], line["error"]) for line in told(caplog, "sweep failed")]
    assert errors == [("a", "another reason"), ("b", "no answer")]


class Counted(Complaints):
    """Counts the sweeps that have failed."""

    times = 0

    def failed(self, names: Sequence[str], error: Exception) -> None:
        """Complain, and count."""
        super().failed(names, error)
        self.times += 1


async def test_a_sweep_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """A server that is away is told once, with the queue, however often it is swept in vain."""
    async with Server("redis://127.0.0.1:1").lane() as lane:
        complaints = Counted()
        reclaimer = Reclaimer(lane, Calls(Keys("jobqueue")), ["a#0"], 0.03, 3, complaints)
        sweeping = asyncio.create_task(reclaimer.run())
        await wait_until(lambda: complaints.times > 3, description="several failed sweeps")
        sweeping.cancel()
    [line] = told(caplog, "sweep failed")
    assert line["queue"] == "a"


async def test_a_server_that_refuses_writes(reclaimer: Reclaimer, broker: Broker) -> None:
    """While nobody can renew a lease, looking at it says nothing of its worker."""
    await broker.redis("REPLICAOF", "127.0.0.1", "1")
    try:
        with pytest.raises(BrokerUnavailable, match="read only"):
            await reclaimer.sweep()
    finally:
        await broker.redis("REPLICAOF", "NO", "ONE")
    assert reclaimer._suspects == {}
