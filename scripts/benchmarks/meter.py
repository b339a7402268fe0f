"""What some work takes: time, and the CPU of this process, of workers and of Redis."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from scripts.benchmarks.figures import Values
from scripts.benchmarks.processes import Child
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.usage import MICRO, Usage, cpu_of, own_cpu


class Meter:
    """Measures the block that it is entered for.

    Args:
        stage: Whose Redis works for it.
        workers: Processes that do so too.

    Attributes:
        seconds: That it took.
        own: CPU of this process and its threads, in seconds.
        worked: CPU of the workers, in seconds.
        redis: What Redis has spent.
    """

    seconds: float
    own: float
    worked: float
    redis: Usage

    def __init__(self, stage: Stage, workers: Sequence[Child] = ()) -> None:
        self._stage = stage
        self._workers = workers

    async def __aenter__(self) -> Self:
        self.redis = await self._stage.usage()
        self.worked = self._cpu()
        self.own, self.seconds = own_cpu(), time.perf_counter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.seconds = time.perf_counter() - self.seconds
        self.own = own_cpu() - self.own
        self.worked = self._cpu() - self.worked
        self.redis = await self._stage.usage() - self.redis

    def _cpu(self) -> float:
        return sum(cpu_of(worker.pid) for worker in self._workers)

    def values(self, name: str, jobs: int) -> Values:
        """Return jobs a second as ``name``, and the CPU of a job by whom it was spent."""
        spent = {"producer": self.own, "redis": self.redis.cpu}
        if self._workers:
            spent["worker"] = self.worked
        costs = {f"{name}.{part}_cpu": cpu / jobs * MICRO for part, cpu in spent.items()}
        return {name: jobs / self.seconds, **costs}
