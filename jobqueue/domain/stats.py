"""What the runs of some hours came to, by name and by queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NameStats:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
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
