"""What the runs of some hours came to, by name and by queue."""

from collections.abc import Sequence
from datetime import datetime

import msgspec


class NameStats(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of one name; durations in seconds, None where nothing ran.

    Attributes:
        name: The jobs' name.
        runs: Attempts that a worker started.
        failures: Those that failed, timed out or lost their worker.
        busy: How long all of them ran, together.
        run_p95: 95 in 100 ran no longer, in the worst hour.
        wait_p95: 95 in 100 had waited no longer, in the worst hour.
    """

    name: str
    runs: int
    failures: int
    busy: float | None
    run_p95: float | None
    wait_p95: float | None

    @property
    def failure_rate(self) -> float:
        """The share of runs that failed, from 0 to 1."""
        return self.failures / self.runs if self.runs else 0.0

    @property
    def mean(self) -> float | None:
        """How long a run took on average."""
        return None if self.busy is None or not self.runs else self.busy / self.runs


class QueueStats(msgspec.Struct, frozen=True, kw_only=True):
    """How long the runs of one queue had waited, in seconds.

    Attributes:
        queue: The queue.
        runs: Attempts that a worker started.
        wait_p95: 95 in 100 had waited no longer, in the worst hour and priority.
        wait_max: The longest wait.
    """

    queue: str
    runs: int
    wait_p95: float | None
    wait_max: float | None


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What the runs of some whole hours, and of the present one so far, came to.

    Attributes:
        since: Where the first of these hours begins.
        until: When it was asked.
        names: By name.
        queues: By queue.
    """

    since: datetime
    until: datetime
    names: Sequence[NameStats]
    queues: Sequence[QueueStats]
