"""The counters say how many jobs there are, after whatever happened."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from jobqueue.broker.messages import Delivery
from jobqueue.domain.executions import Execution
from tests.support import keyspace
from tests.support.broker import HOUR_MS, Broker

Step = Callable[[], Awaitable[object]]


async def test_states(broker: Broker) -> None:
    """Each step moves a job from one counter to the next."""
    assert await broker.counts() == {}
    await broker.enqueue("a", "b", name="x")
    await broker.enqueue("c", name="y", delay_ms=HOUR_MS)
    assert await broker.counts() == {"ready:x": 2, "scheduled:y": 1}
    a, b = await broker.fetch()
    assert await broker.counts() == {"running:x": 2, "scheduled:y": 1}
    await broker.finish(a)
    await broker.fail(b, HOUR_MS)
    assert await broker.counts() == {"succeeded:x": 1, "retrying:x": 1, "scheduled:y": 1}
    await broker.mature("b", "c")
    await broker.promote()
    assert await broker.counts() == {"succeeded:x": 1, "ready:x": 1, "ready:y": 1}
    await broker.release(*await broker.fetch(slots=1))
    await broker.fetch()
    await broker.crash(budget=1)
    assert await broker.counts() == {"succeeded:x": 1, "dead:x": 1, "dead:y": 1}
    await broker.recorded()
    assert await broker.counts() == {"succeeded:x": 1, "dead:x": 1, "dead:y": 1}


class Chaos:
    """Does things at random that producers, workers, schedulers and recorders do."""

    def __init__(self, broker: Broker, seed: int) -> None:
        self.broker = broker
        self.random = random.Random(seed)
        self.held: dict[str, list[Delivery]] = {f"w{n}": [] for n in range(4)}
        self.stale: dict[str, Delivery] = {}
        self.rows: dict[str, Execution] = {}

    async def step(self) -> None:
        """Do one thing."""
        steps: list[Step] = [
            self.enqueue, self.enqueue, self.fetch, self.fetch, self.finish, self.fail,
            self.release, self.crash, self.promote, self.recorded, self.recover, self.late,
            self.redrive,
        ]  # fmt: skip
        await self.random.choice(steps)()

    async def enqueue(self) -> None:
        """Enqueue some jobs, some of them known already."""
        names = [f"job-{self.random.randrange(200)}" for _ in range(self.random.randrange(1, 6))]
        delay_ms = self.random.choice([None, None, 0, HOUR_MS])
        name, priority = self.random.choice("xyz"), self.random.randrange(4)
        await self.broker.enqueue(*names, delay_ms=delay_ms, name=name, priority=priority)

    async def fetch(self) -> None:
        """Fetch for some worker; now and then its answer is lost."""
        worker = self.worker()
        got = await self.broker.fetch(worker, self.random.randrange(1, 8), alone=self.flip())
        if self.flip():
            self.held[worker] += got

    async def recover(self) -> None:
        """Ask what a worker owns."""
        worker = self.worker()
        self.held[worker] = await self.broker.recover(worker)

    async def finish(self) -> None:
        """End some jobs of a worker."""
        worker = self.worker()
        state = self.random.choice(["succeeded", "dead", "cancelled"])
        await self.broker.finish(*self.pop(worker), state=state, worker=worker)

    async def fail(self) -> None:
        """Let jobs be tried again, at once or later."""
        worker = self.worker()
        for delivery in self.pop(worker):
            await self.broker.fail(delivery, self.random.choice([0, HOUR_MS]), worker=worker)

    async def release(self) -> None:
        """Hand jobs back."""
        worker = self.worker()
        await self.broker.release(*self.pop(worker), worker=worker)

    async def crash(self) -> None:
        """Let a worker die; what it held is stale."""
        worker = self.worker()
        if await self.broker.lease(worker) is not None:
            await self.broker.crash(worker, limit=self.random.randrange(1, 5))
            self.stale |= {delivery.token: delivery for delivery in self.held[worker]}
            self.held[worker] = []

    async def late(self) -> None:
        """Let a worker that lost its jobs try to settle them."""
        await self.broker.finish(*self.stale.values(), worker="late")
        await self.broker.release(*self.stale.values(), worker="late")

    async def promote(self) -> None:
        """Let time pass, and promote."""
        due = await self.broker.redis("ZRANGE", self.broker.keys.scheduled(self.broker.queue), 0, 2)
        await self.broker.mature(*(id_.decode() for id_ in due))
        await self.broker.promote(self.random.randrange(1, 5))

    async def redrive(self) -> None:
        """Put the dead letters of the journal back."""
        for row in await self.broker.journal():
            if row.dead:
                await self.broker.run(self.broker.redriving(row.id, row.job_id, row.run + 1))

    async def recorded(self) -> None:
        """Record the journal; some results are kept."""
        self.rows |= {row.id: row for row in await self.broker.journal()}
        await self.broker.recorded(keep_ms=self.random.choice([0, HOUR_MS]))

    def worker(self) -> str:
        """Choose a worker."""
        return self.random.choice(list(self.held))

    def pop(self, worker: str) -> list[Delivery]:
        """Take some of what a worker holds."""
        count = self.random.randrange(4)
        taken, self.held[worker] = self.held[worker][:count], self.held[worker][count:]
        return taken

    def flip(self) -> bool:
        """Throw a coin."""
        return self.random.random() < 0.5


@pytest.mark.parametrize("seed", range(5))
async def test_random_steps(broker: Broker, seed: int) -> None:
    """After any steps in any order the counters are true, and every job can still end."""
    chaos = Chaos(broker, seed)
    for _ in range(150):
        await chaos.step()
    assert keyspace.miscounted(broker.url) == []
    for worker in chaos.held:
        if await broker.lease(worker) is not None:
            await broker.crash(worker, budget=100)
    while waiting := await broker.redis("ZRANGE", broker.keys.scheduled(broker.queue), 0, -1):
        await broker.mature(*(id_.decode() for id_ in waiting))
        await broker.promote(10_000)
    await broker.drain()
    await chaos.recorded()
    left = {
        key: n for key, n in (await broker.counts()).items() if key.startswith(("re", "ru", "sc"))
    }
    assert left == {}
    assert await broker.redis("KEYS", f"{broker.keys.base(broker.queue)}job:*") == []
    for stream in broker.keys.streams(broker.queue):
        assert await broker.redis("XLEN", stream) == 0
    runs = Counter((r.job_id, r.enqueued_ms, r.run) for r in chaos.rows.values() if r.final)
    assert set(runs.values()) == {1}, "one final row for each run"
    rows = Counter((r.job_id, r.enqueued_ms, r.run, r.delivery) for r in chaos.rows.values())
    assert set(rows.values()) == {1}, "one row for each delivery"
