"""What some work takes: time, and the CPU of this process and of Redis."""

import time
from types import TracebackType
from typing import Self

from scripts.benchmarks.figures import Values
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.usage import MICRO, Usage, own_cpu


class Meter:
    """Measures the block that it is entered for.

    Args:
        stage: Whose Redis works for it.

    Attributes:
        seconds: That it took.
        own: CPU of this process and its threads, in seconds.
        redis: What Redis has spent.
    """

    seconds: float
    own: float
    redis: Usage

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def __aenter__(self) -> Self:
        self.redis = await self._stage.usage()
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
        self.redis = await self._stage.usage() - self.redis

    def values(self, name: str, jobs: int) -> Values:
        """Return jobs a second as ``name``, and the CPU of a job by whom it was spent."""
        return {
            name: jobs / self.seconds,
            f"{name}.producer_cpu": self.own / jobs * MICRO,
            f"{name}.redis_cpu": self.redis.cpu / jobs * MICRO,
        }
