"""A schedule as the scheduler fires it."""

from dataclasses import dataclass

from jobqueue.domain.jobs import Priority
from jobqueue.domain.partitions import place_of_key
from jobqueue.domain.schedules import Schedule


@dataclass(frozen=True, slots=True)
class Scheduled:
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
    """

    name: str
    rule: Schedule
    queue: str
    priority: Priority
    job: str
    spec: bytes
    asks: bool = False
    key: str = ""

    def place(self, n: int) -> str:
        """Return the partition of its jobs where their queue has ``n``, else the queue."""
        return place_of_key(self.queue, n, self.key) if n else self.queue
