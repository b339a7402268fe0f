"""Load while a master dies, and what has to be true afterwards, with Sentinel and on a cluster."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from jobqueue.client.declared import JobCall
from jobqueue.client.handle import JobHandle
from jobqueue.domain.errors import BrokerUnavailable, EnqueueUncertain, NotReplicated
from tests.support.stage import Stage
from tests.support.waiting import wait_until

BATCH = 5


@dataclass
class Load:
    """Producers that go on until they are told, and what they were promised.

    Attributes:
        safe: Jobs that replicas had when the producer was told: those that asked for it, and
            before the disaster plain ones that were stored before them. None may be lost.
        stored: Jobs that were stored in one place; Redis may lose some.
        lost: Those that it did lose.
    """

    stage: Stage
    queues: Sequence[str]
    safe: dict[str, str] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    calm: bool = True
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def produce(self, job: JobCall[[], None]) -> None:
        """Send jobs to every queue, plain ones and such that want replicas, until told to stop."""
        await asyncio.gather(*(self._to(queue, job) for queue in self.queues))

    async def _to(self, queue: str, job: JobCall[[], None]) -> None:
        plain = job.options(queue=queue)
        while not self._stop.is_set():
            before = await self._send(plain)
            after = await self._send(plain.options(durability="replicated"))
            for handle in after:
                (self.safe if handle.durable else self.stored)[handle.id] = queue
            # One master's replicas get writes in their order: with the later ones the earlier.
            durable = self.calm and after and all(handle.durable for handle in after)
            for handle in before:
                (self.safe if durable else self.stored)[handle.id] = queue

    async def _send(self, job: JobCall[[], None]) -> list[JobHandle[None]]:
        try:
            return await self.stage.app.enqueue_many(job.prepare() for _ in range(BATCH))
        except (BrokerUnavailable, EnqueueUncertain, NotReplicated):
            return []

    def stop(self) -> None:
        """Let the producers end."""
        self._stop.set()

    async def grows(self, queue: str, by: int = 10 * BATCH) -> None:
        """Wait until so many more jobs of a queue are safe."""
        wanted = Counter(self.safe.values())[queue] + by

        def enough() -> bool:
            return Counter(self.safe.values())[queue] >= wanted

        await wait_until(enough, description=f"jobs of {queue} are safe", deadline=60)


async def through(
    stage: Stage,
    queues: Sequence[str],
    disaster: Callable[[Load], Awaitable[None]],
) -> Load:
    """Run jobs of some queues through a disaster; every safe one must end, and all must be quiet.

    Args:
        stage: The app.
        queues: Its queues.
        disaster: Lets it happen; the load goes on meanwhile and after it.
    """
    load = Load(stage, queues)

    @stage.app.job(retry=0)
    async def work() -> None:
        stage.log.append(None)
        await asyncio.sleep(0.001)

    async with stage.app.worker(queues=queues), stage.app.worker(queues=queues):
        producing = asyncio.create_task(load.produce(work.options()))
        for queue in queues:
            await load.grows(queue)
        load.calm = False
        await disaster(load)
        for queue in queues:
            await load.grows(queue)
        load.stop()
        await producing
        for queue in queues:
            await _all_end(stage, queue, [i for i, q in load.safe.items() if q == queue])
            stored = [i for i, q in load.stored.items() if q == queue]
            load.lost += await _lost(stage, queue, stored)
    return load


async def _lost(stage: Stage, queue: str, jobs: Sequence[str]) -> list[str]:
    """Return the jobs that Redis has lost; what it still knows has to end."""
    stage.broker.queue = queue

    async def unended() -> set[str]:
        return set(jobs) - {row.job_id for row in await stage.rows() if row.final}

    async def none_is_left() -> bool:
        return not [i for i in await unended() if await stage.broker.exists(i)]

    await wait_until(none_is_left, description="whatever is still there has ended", deadline=60)
    return sorted(await unended())


async def _all_end(stage: Stage, queue: str, jobs: Sequence[str]) -> None:
    stage.broker.queue = queue

    async def ended() -> bool:
        try:
            found = {row.job_id for row in await stage.rows() if row.final}
        except BrokerUnavailable:
            return False
        return found >= set(jobs)

    await wait_until(ended, description=f"every safe job of {queue} has ended", deadline=60)
    final = Counter((row.job_id, row.run) for row in await stage.rows() if row.final)
    assert max(final.values()) == 1, "a job ended twice"
