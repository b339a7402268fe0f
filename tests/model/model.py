"""The broker as one would write it without Redis, crashes of servers, or speed in mind.

It knows of each job where it is, and keeps the lines of locks, the owners of unique keys and
the order of what is ready. What limits keep aside is ready here: whether they may is asked by
:meth:`Model.runnable`. Without rules of names the order of deliveries is exact.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from jobqueue.broker.messages import Delivery, Rule
from jobqueue.domain.jobs import TRANSITIONS, Asks, State

ENDED = {"succeeded", "dead", "cancelled"}
WAITS = {"ready", "blocked", "scheduled", "retrying"}


@dataclass
class Job:
    """One run of a job."""

    id: str
    name: str
    priority: int
    asks: Asks
    state: str = ""  # until it is stored
    run: int = 0
    started: bool = False
    cancelled: bool = False
    worker: str = ""
    delivery: Delivery | None = None

    def become(self, state: str) -> None:
        """Take a job to another state; the table of the package must allow it."""
        if self.state:
            assert state in TRANSITIONS[State(self.state)], f"{self.state} became {state}"
        self.state = state


@dataclass
class Model:
    """A queue, its jobs by id, and its rules by label."""

    jobs: dict[str, Job] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    lines: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    owners: dict[str, str] = field(default_factory=dict)
    again: list[list[str]] = field(default_factory=lambda: [[], [], [], []])
    ready: list[list[str]] = field(default_factory=lambda: [[], [], [], []])
    paused: bool = False

    def running(self, worker: str | None = None) -> list[Job]:
        """Return what runs, of one worker or of all."""
        return [
            job
            for job in self.jobs.values()
            if job.state == "running" and worker in (None, job.worker)
        ]

    def order(self) -> Iterator[Job]:
        """Yield what is ready in the order of delivery."""
        for again, ready in zip(self.again, self.ready, strict=True):
            yield from (self.jobs[id_] for id_ in [*again, *ready])

    # Jobs come

    def enqueue(self, job: Job, *, later: bool) -> str:
        """Add a job; return its letter, and the other job behind it."""
        asks = job.asks
        if job.id in self.jobs:
            return "x"
        other = self.owners.get(asks.unique or "")
        code = "c"
        if other is not None:
            if asks.conflict != "replace" or self.jobs[other].state not in WAITS:
                return f"{'d' if asks.conflict == 'return' else 'u'}\n{other}"
            self.end(self.jobs[other], "cancelled")
            code = f"r\n{other}"
        self.jobs[job.id] = job
        if asks.unique:
            self.owners[asks.unique] = job.id
        if later:
            job.become("scheduled")
        elif not self.arrive(job) and code == "c":
            code = f"b\n{self.lines[asks.lock or ''][0]}"
        return code

    def arrive(self, job: Job) -> bool:
        """Make a job ready, or put it into its line; say whether it is ready."""
        line = self.lines[job.asks.lock] if job.asks.lock else []
        line.append(job.id)
        job.become("ready" if line[0] == job.id else "blocked")
        if job.state == "ready":
            self.ready[job.priority].append(job.id)
        return job.state == "ready"

    def redrive(self, job: Job) -> str:
        """Begin a new run of a dead job."""
        if self.owners.get(job.asks.unique or "", job.id) != job.id:
            return "conflict"
        if job.asks.unique:
            self.owners[job.asks.unique] = job.id
        job.run, job.started, job.cancelled = job.run + 1, False, False
        self.jobs[job.id] = job
        self.arrive(job)
        return "redriven"

    # Jobs go

    def deliver(self, job: Job, worker: str, delivery: Delivery) -> None:
        """Give a job to a worker."""
        self.leave(job)
        if job.asks.start and not job.started:
            self.free_unique(job)
        job.become("running")
        job.worker, job.delivery, job.started = worker, delivery, True

    def leave(self, job: Job) -> None:
        """Take a job out of what is ready."""
        for ids in (*self.again, *self.ready):
            if job.id in ids:
                ids.remove(job.id)

    def end(self, job: Job, state: str) -> None:
        """End a job, wherever it is."""
        self.leave(job)
        job.become(state)
        self.free_unique(job)
        self.unlock(job)

    def put_off(self, job: Job, state: str) -> None:
        """Let a job wait for a time."""
        job.become(state)
        self.unlock(job)

    def prioritise(self, job: Job, priority: int) -> None:
        """Give a job that waits another priority; in what is ready it comes last there."""
        if job.priority == priority:
            return
        job.priority = priority
        if job.state == "ready":
            self.leave(job)
            self.ready[priority].append(job.id)

    def put_back(self, job: Job) -> None:
        """Put a job back in front of its priority; it keeps its lock."""
        job.become("ready")
        self.again[job.priority].append(job.id)

    def free_unique(self, job: Job) -> None:
        """Free the unique key of a job, if it is its own."""
        key = job.asks.unique
        if key and self.owners.get(key) == job.id:
            del self.owners[key]

    def unlock(self, job: Job) -> None:
        """Take a job out of its line; whoever is its head then is ready."""
        line = self.lines[job.asks.lock] if job.asks.lock else []
        if job.id not in line:
            return
        line.remove(job.id)
        if line and self.jobs[line[0]].state == "blocked":
            self.put_back(self.jobs[line[0]])

    # Limits

    def scopes(self, job: Job) -> list[tuple[str, Rule]]:
        """Return the limits that a job is under."""
        found = []
        for rule in self.rules.values():
            key = (job.asks.keys or {}).get(rule.label)
            if rule.name in (None, job.name) and (key or not rule.keyed):
                found.append((f"{rule.label}={key}" if rule.keyed else rule.label, rule))
        return found

    def used(self, scope: str) -> int:
        """Return how many that run now are under a limit."""
        return sum(scope in dict(self.scopes(job)) for job in self.running())

    def runnable(self) -> list[Job]:
        """Return what is ready and held up by no limit, and by no pause."""
        return [
            job
            for job in ([] if self.paused else self.order())
            if all(self.used(scope) < (rule.n or 0) for scope, rule in self.scopes(job))
        ]
