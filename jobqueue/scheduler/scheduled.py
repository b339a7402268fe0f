"""A schedule as the scheduler fires it."""

from datetime import datetime
from typing import Self

import msgspec

from jobqueue.domain.jobs import Priority
from jobqueue.domain.occurrences import Policy, Step, plan
from jobqueue.domain.partitions import place_of_key
from jobqueue.domain.plans import Plan
from jobqueue.domain.schedules import Schedule


class Scheduled(msgspec.Struct, frozen=True):
    """A rule and the job that each of its occurrences becomes.

    Args:
        name: Name of the schedule; part of every job id it makes.
        rule: When it is due.
        queue: Queue of the jobs.
        priority: Their priority.
        job: Their name.
        spec: Their packed spec.
        asks: Whether it holds something for scripts to obey.
        key: What decides its partition: its lock, else its own name, since all its
            occurrences and the time of the last one are to be in one place.
        policy: What holds for its occurrences.
        paused: Whether they are skipped.
        since: Occurrences up to this moment never fire.
    """

    name: str
    rule: Schedule
    queue: str
    priority: Priority
    job: str
    spec: bytes
    asks: bool = False
    key: str = ""
    policy: Policy = msgspec.field(default_factory=Policy)
    paused: bool = False
    since: datetime | None = None

    @classmethod
    def of(cls, stored: Plan) -> Self:
        """Return a stored schedule.

        Raises:
            ConfigurationError: This version of the package can't read its timing.
        """
        return cls(
            stored.name,
            stored.timing.normal().rule(),
            stored.queue,
            Priority(stored.priority),
            stored.job,
            stored.spec,
            stored.asks,
            stored.lock or stored.name,
            stored.timing.policy(),
            stored.paused,
            stored.since,
        )

    def place(self, n: int) -> str:
        """Return the partition of its jobs where their queue has ``n``, else the queue."""
        return place_of_key(self.queue, n, self.key) if n else self.queue

    def steps(self, after: datetime, now: datetime) -> list[Step]:
        """Return what is to be done, when ``after`` was the last occurrence that was settled."""
        begin = self._begin(after)
        return plan(self.name, self.rule, self.policy, begin, now, paused=self.paused)

    def due_after(self, after: datetime) -> datetime | None:
        """Return when the occurrence after the last one that was settled is due."""
        following = self.rule.next_after(self._begin(after))
        return None if following is None else self.policy.due(self.name, following)

    def _begin(self, after: datetime) -> datetime:
        return after if self.since is None else max(after, self.since)
