"""Everything that is known after a run, read once; oracles only look at it."""

from dataclasses import dataclass, field
from functools import cached_property

from scripts.faults.plan import Planned
from scripts.faults.registry import Injection
from scripts.faults.service import Exit

STORED = frozenset({"created", "blocked", "replaced"})
HANDED_ON = frozenset({"lost", "released"})  # outcomes of deliveries that others repeat
UNCOUNTED = HANDED_ON | {"snoozed", "cancelled", "expired"}


@dataclass(frozen=True)
class Job:
    """A job that somebody tried to enqueue.

    Attributes:
        asked: Monotonic time before the call, in seconds.
        status: What the producer was told; ``uncertain`` when it was told nothing, ``refused``.
        cancel: What the producer was told when it cancelled the job; empty when nothing.
    """

    id: str
    plan: Planned
    asked: float
    status: str
    cancel: str = ""

    @property
    def accepted(self) -> bool:
        """Whether it must run."""
        return self.status in STORED


@dataclass(frozen=True)
class Row:
    """A row of the history; times are seconds since the epoch by the clock of Redis.

    Read from the table as users see it: the package's own record is what is to be judged.

    Attributes:
        fetched: When the job was handed to the worker, to the millisecond: from the row's id.
    """

    id: str
    job_id: str
    run: int
    attempt: int
    delivery: int
    final: bool
    outcome: str
    queue: str
    name: str
    priority: int
    worker: str
    crashes: int
    reason: str
    error: str
    enqueued: float
    ready: float
    started: float | None
    finished: float
    retry: float | None

    @property
    def fetched(self) -> float:
        """When it was delivered."""
        return int(self.id.replace("-", "")[:12], 16) / 1000

    @property
    def pid(self) -> int:
        """The worker's process; 0 when there was none."""
        return int(self.worker.rsplit("-", 2)[1]) if self.worker else 0


@dataclass(frozen=True)
class Note:
    """What a handler said: ``began`` or ``ended``, at a monotonic time in seconds."""

    what: str
    at: float
    job_id: str
    delivery: int
    fence: int
    attempt: int
    name: str
    pid: int
    key: str


@dataclass(frozen=True)
class Effect:
    """What a job did to the world; ``fences`` are those of the writes that were let through."""

    effects: int
    fence: int
    fences: tuple[int, ...]


@dataclass(frozen=True)
class Truth:
    """What was found after a run.

    Attributes:
        jobs: Jobs of the producer by id.
        ours: Ids of jobs that the suite enqueued, and of occurrences.
        epoch: Seconds to add to a monotonic time for the epoch.
        left: What is in Redis and should not be.
        exits: Services that ended by themselves.
    """

    jobs: dict[str, Job]
    ours: frozenset[str]
    rows: list[Row]
    notes: list[Note]
    effects: dict[str, Effect]
    injections: list[Injection]
    epoch: float
    left: list[str] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)

    @cached_property
    def rows_of(self) -> dict[str, list[Row]]:
        """Rows by job, in the order of their deliveries."""
        found: dict[str, list[Row]] = {}
        for row in sorted(self.rows, key=lambda row: (row.run, row.delivery)):
            found.setdefault(row.job_id, []).append(row)
        return found

    @cached_property
    def begun(self) -> dict[tuple[str, int], Note]:
        """The beginning of each delivery that a handler began, by job and delivery."""
        return {(n.job_id, n.delivery): n for n in self.notes if n.what == "began"}

    @cached_property
    def lost(self) -> list[Job]:
        """Accepted jobs that never ended."""
        ended = {row.job_id for row in self.rows if row.final}
        return [job for job in self.jobs.values() if job.accepted and job.id not in ended]
