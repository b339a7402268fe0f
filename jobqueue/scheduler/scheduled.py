"""A schedule as the scheduler fires it."""

from dataclasses import dataclass

from jobqueue.domain.jobs import Priority
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
    """

    name: str
    rule: Schedule
    queue: str
    priority: Priority
    job: str
    spec: bytes
    asks: bool = False
