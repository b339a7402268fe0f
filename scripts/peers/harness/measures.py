"""Measures one peer once: enqueueing, waiting jobs, drain, latency."""

import asyncio
import time
from dataclasses import dataclass

from scripts.benchmarks.figures import Broken, Values
from scripts.benchmarks.latency import MS, RATE, WARM_UP, percentile
from scripts.benchmarks.usage import MICRO, cpu_of
from scripts.peers import tally
from scripts.peers.harness.processes import Place, Worker, produce, working
from scripts.peers.harness.servers import Servers

POLL = 0.01  # seconds
STUCK = 30.0  # seconds without a run, after which a peer is given up
AGAIN = 0.3  # seconds for a second delivery to show
TEXT = 100 - len('{"value":""}')  # makes arguments of 100 bytes of JSON

TRIAL = 500  # jobs, to see that it works and how fast it is
FEWEST, MOST = 1000, 200_000  # jobs of a drain


@dataclass(frozen=True)
class Effort:
    """Seconds that enqueueing, a drain and the latency shall take each."""

    enqueue: float
    drain: float
    latency: float

    @property
    def seconds(self) -> float:
        """All of it: there are three ways to enqueue, and what is drained is enqueued first."""
        return 3 * self.enqueue + 2 * self.drain + self.latency


FULL = Effort(enqueue=1.5, drain=3, latency=6)
QUICK = Effort(enqueue=0.5, drain=1, latency=2)


class Subject:
    """A peer under measurement.

    Args:
        place: Where it runs.
        servers: The servers of the run.
    """

    def __init__(self, place: Place, servers: Servers) -> None:
        self.place, self.servers = place, servers
        self.broker = place.peer.broker
        self.rate = 0.0

    async def try_out(self) -> None:
        """See that it works and how fast it drains.

        Raises:
            Broken: It does not work; the message says why.
        """
        self.rate = (await self._drain(TRIAL))["drain"]

    async def measure(self, effort: Effort) -> Values:
        """Measure everything once.

        Raises:
            Broken: Something did not work or does not add up.
        """
        values: Values = {}
        for way in ("one", "hundred", "bulk"):
            await self._reset()
            done = await produce(self.place, "rate", way, effort.enqueue)
            values[way] = done["jobs"] / done["seconds"]
        values["bytes"] = await self._waiting()
        jobs = min(MOST, max(FEWEST, round(self.rate * effort.drain)))
        values |= await self._drain(jobs)
        return values | await self._latency(effort.latency)

    async def _reset(self) -> None:
        await self.servers.reset(self.broker)
        self.place.tally.mkdir(parents=True, exist_ok=True)
        tally.clear(self.place.tally)
        await produce(self.place, "install")

    async def _waiting(self) -> float:
        """Return the bytes that a waiting job takes in the broker."""
        await self._reset()
        await produce(self.place, "fill", 1, TEXT)  # brings scripts and keys that stay
        before = await self.servers.size(self.broker)
        jobs = 5000
        await produce(self.place, "fill", jobs, TEXT)
        return (await self.servers.size(self.broker) - before) / jobs

    async def _drain(self, jobs: int) -> Values:
        """Enqueue jobs, then start a worker and watch it until all have run."""
        await self._reset()
        await produce(self.place, "fill", jobs, 0)
        async with working(self.place) as worker:
            begun = await self._until(1, worker)
            used = self._cpu(worker)
            await self._until(jobs, worker)
            spent = [after - before for after, before in zip(self._cpu(worker), used, strict=True)]
            await asyncio.sleep(AGAIN)
            done = tally.read(self.place.tally)
        if done.ran != jobs:
            raise Broken(f"{done.ran} runs of {jobs} jobs")
        values = {"drain": done.rate}
        # Too few jobs after the first look say nothing about one of them.
        if jobs - begun >= jobs // 2:
            own, broker = (each / (jobs - begun) * MICRO for each in spent)
            values |= {"worker_cpu": own, "broker_cpu": broker}
        return values

    def _cpu(self, worker: Worker) -> tuple[float, float]:
        return cpu_of(worker.pid), self.servers.cpu(self.broker)

    async def _latency(self, seconds: float) -> Values:
        """Send jobs at a steady rate to an idle worker."""
        await self._reset()
        jobs = round(RATE * seconds)
        async with working(self.place) as worker:
            await produce(self.place, "fill", 1, 0)
            await self._until(1, worker)
            await produce(self.place, "pace", RATE, jobs, WARM_UP)
            await self._until(1 + WARM_UP + jobs, worker)
            waits = tally.read(self.place.tally, waits=True).waits
        if len(waits) != jobs:
            raise Broken(f"{len(waits)} of {jobs} stamped jobs ran")
        counted = sorted(wait for _, wait in waits)
        return {"p50": percentile(counted, 50) / MS, "p99": percentile(counted, 99) / MS}

    async def _until(self, jobs: int, worker: Worker) -> int:
        """Wait until so many have run; return how many have."""
        ran, progress = 0, time.monotonic()
        while True:
            now = tally.read(self.place.tally).ran
            if now >= jobs:
                return now
            if now > ran:
                ran, progress = now, time.monotonic()
            worker.check()
            if time.monotonic() - progress > STUCK:
                words = self.place.last_words()
                raise Broken(f"{ran} of {jobs} jobs ran, then none for {STUCK:g} s: {words}")
            await asyncio.sleep(POLL)
