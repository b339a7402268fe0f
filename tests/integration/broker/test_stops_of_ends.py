"""Scripts that end something are safe to stop before each of their writes.

See ``test_stops.py`` for how a scene goes.
"""

from jobqueue.domain.instants import from_ms
from jobqueue.domain.jobs import Asks
from tests.support.broker import Broker
from tests.support.stopping import FAR, all_over, at_every_write, ends_once, stops


async def test_finish(broker: Broker) -> None:
    """A stopped finish, repeated, ends each job once, by one execution."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a", "b")
        call = broker.finishing(*await broker.fetch("w1"))
        stopped = await stops(broker, call, writes)
        await broker.run(call)
        await ends_once(broker, "a", "b")
        return stopped

    assert await at_every_write(broker, play) >= 8


async def test_finish_to_be_retried(broker: Broker) -> None:
    """A stopped finish that wants a retry, repeated, leads to one more run."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a")
        delivery = await broker.take("w1")
        call = broker.finishing(delivery, state="retrying", delay_ms=60_000)
        stopped = await stops(broker, call, writes)
        await broker.run(call)
        await broker.mature("a")
        await ends_once(broker, "a")
        return stopped

    assert await at_every_write(broker, play) >= 6


async def test_finish_of_a_dying_worker(broker: Broker) -> None:
    """A worker that dies in a stopped finish leaves nothing behind: the job ends all the same."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a")
        delivery = await broker.take("w1")
        stopped = await stops(broker, broker.finishing(delivery), writes)
        await broker.crash("w1")
        await broker.recorded()
        await broker.drain()
        await broker.recorded()
        assert not await broker.exists("a")
        return stopped

    assert await at_every_write(broker, play) >= 5


async def test_release(broker: Broker) -> None:
    """A stopped release, repeated by a worker that then stops, hands every job back."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a", "b")
        call = broker.releasing(*await broker.fetch("w1"))
        stopped = await stops(broker, call, writes)
        await broker.run(call)
        await broker.crash("w1")
        assert all(set(live) <= {"state", "token", "worker"} for live in await lives(broker, "ab"))
        await ends_once(broker, "a", "b")
        return stopped

    assert await at_every_write(broker, play) >= 8


async def test_promote(broker: Broker) -> None:
    """A stopped promotion, repeated, makes each job ready once."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a", "b", delay_ms=60_000)
        await broker.enqueue("c")
        await broker.fail(await broker.take("w1"), 60_000)
        await broker.mature("a", "b", "c")
        stopped = await stops(broker, broker.calls.promote(broker.queue, 100), writes)
        await broker.promote()
        await ends_once(broker, "a", "b", "c")
        return stopped

    assert await at_every_write(broker, play) >= 8


async def test_promote_while_workers_fetch(broker: Broker) -> None:
    """A job that a stopped promotion made ready is not delivered again while it runs."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a", delay_ms=60_000)
        await broker.mature("a")
        stopped = await stops(broker, broker.calls.promote(broker.queue, 100), writes)
        early = await broker.fetch("w1")
        await broker.promote()
        late = await broker.fetch("w2")
        assert len(early) + len(late) == 1
        await broker.finish(*early, worker="w1")
        await broker.finish(*late, worker="w2")
        await ends_once(broker, "a")
        return stopped

    assert await at_every_write(broker, play) >= 4


async def test_reclaim(broker: Broker) -> None:
    """A stopped reclaim, repeated, puts back or ends each job once and counts one crash."""

    async def play(writes: int) -> bool:
        await broker.enqueue("innocent", "guilty")
        for _ in range(2):
            await broker.fetch("w0", 1)
            await broker.crash("w0")
        assert len(await broker.fetch("w1")) == 2
        expiry = await broker.lapse("w1")
        call = broker.calls.reclaim(broker.queue, "w1", expiry, 100, 3)
        stopped = await stops(broker, call, writes)
        await broker.run(call)
        lost = {(row.job_id, row.id) for row in await broker.journal() if row.worker == "w1"}
        assert len(lost) == 2
        dead = {row.job_id for row in await broker.journal() if row.final}
        assert dead == {"innocent"}
        assert (await broker.state("guilty"))["crashes"] == "1"
        await ends_once(broker, "innocent", "guilty")
        return stopped

    assert await at_every_write(broker, play) >= 10


async def test_recorded(broker: Broker) -> None:
    """A stopped recorded, repeated, removes every record and every journal entry."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a", "b")
        for delivery in await broker.fetch("w1"):
            await broker.finish(delivery)
        records = await broker.recording()
        call = broker.calls.recorded(broker.queue, records, 1 << 30)
        stopped = await stops(broker, call, writes)
        await broker.run(call)
        assert not await broker.journal()
        assert not await broker.exists("a")
        assert not await broker.exists("b")
        return stopped

    assert await at_every_write(broker, play) >= 6


async def test_redrive(broker: Broker) -> None:
    """A stopped redrive, repeated, makes one new run, with its own number."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a")
        dead = await broker.take("w1")
        await broker.finish(dead, state="dead")
        call = broker.redriving(dead.token, "a", 1)
        stopped = await stops(broker, call, writes)
        await broker.recorded(keep_ms=60_000)
        assert await broker.run(call) == "redriven"
        again = await broker.take("w1")
        assert (again.run, again.attempts, again.delivery) == (1, 0, 1)
        await broker.finish(again)
        await ends_once(broker, "a")
        return stopped

    assert await at_every_write(broker, play) >= 5


async def test_fire(broker: Broker) -> None:
    """A stopped firing, repeated, makes one job of the occurrence."""

    async def play(writes: int) -> bool:
        call = broker.firing("nightly", await broker.now_ms())
        stopped = await stops(broker, call, writes)
        await broker.run(call)
        assert await broker.run(call) == "already"
        [delivery] = await broker.fetch("w1")
        await broker.finish(delivery)
        await ends_once(broker, delivery.id)
        return stopped

    assert await at_every_write(broker, play) >= 5


async def test_fire_over_the_last_job(broker: Broker) -> None:
    """A stopped firing that ends the last job, repeated, ends it once and takes its keys."""
    asks = Asks(lock="l", unique="k", expires=FAR)

    async def play(writes: int) -> bool:
        now = await broker.now_ms()
        await broker.run(broker.firing("nightly", now - 1, asks=asks))
        call = broker.firing("nightly", now, asks=asks, overlap="cancel")
        stopped = await stops(broker, call, writes)
        await broker.run(call)
        assert await broker.run(call) == "already"
        assert {(row.occurrence, row.outcome) for row in await broker.ledger()} == {
            (from_ms(now - 1), "enqueued"),
            (from_ms(now), "enqueued"),
        }
        await all_over(broker, f"nightly@{now - 1}", f"nightly@{now}")
        return stopped

    assert await at_every_write(broker, play) >= 15


async def lives(broker: Broker, ids: str) -> list[dict[str, str]]:
    """Return the state of each job."""
    return [await broker.state(id_) for id_ in ids]
