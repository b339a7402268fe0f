"""What people hear of why a job is where it is, and what bears on that."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from jobqueue.domain import fleet
from jobqueue.domain.jobs import State
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.pauses import Pause


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that holds a job.

    Attributes:
        kind: A word that does not change: ``due``, ``retry``, ``ahead``, ``paused``, ``lock``,
            ``rate``, ``limit``, ``last_life``, ``running``, ``cancelling``, ``lost_worker``,
            ``no_worker``, ``no_partitions``, ``unknown_name``, ``worker_paused``,
            ``worker_problem``, ``no_scheduler``, ``journal``, ``expires``, ``deadline``,
            ``letting_in``, ``succeeded``, ``dead``, ``cancelled``, ``expired``,
            ``unrecorded`` or ``unknown``.
        text: The sentence.
        command: What helps, or tells more.
        at: When it is over, or since when it is so.
        ahead: Jobs that come before this one.
        other: The job that this one waits for.
        worker: The worker that runs the job, or that one.
    """

    kind: str
    text: str
    command: str | None = None
    at: datetime | None = None
    ahead: int | None = None
    other: str | None = None
    worker: str | None = None


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job is where it is.

    Attributes:
        id: The job.
        queue: Its queue.
        name: Its name.
        state: None where Redis has lost it, and the history has not seen its end.
        reasons: What holds it, what holds it now first; at least one.
        redis_problem: Why Redis could not be asked: this is what the history knows, and a later
            run of the job would not be seen.
    """

    id: str
    queue: str
    name: str | None
    state: State | None
    reasons: Sequence[Reason]
    redis_problem: str | None = None

    @property
    def text(self) -> str:
        """The first reason, in a sentence."""
        return self.reasons[0].text


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What bears on a job beside its own record.

    Args:
        place: Its queue, or its partition.
        living: What services say of themselves.
        ahead: Ready jobs that come before it, as far as they were counted.
        more: Whether there are more of them than that.
        partitions: How many parts the queue has, each of which gets its share of the workers.
        journal_bound: Size of the journal above which workers stop, in bytes.
        pauses: What operators have paused: the queue, or everything.
    """

    place: str
    living: Sequence[Mapping[str, Any]]
    ahead: int = 0
    more: bool = False
    partitions: int = 1
    journal_bound: int
    pauses: Sequence[Pause] = ()

    @property
    def queue(self) -> str:
        """The queue, as people know it."""
        return queue_of(self.place)

    @property
    def serving(self) -> list[fleet.Said]:
        """The workers that take jobs from here."""
        return fleet.serving(self.workers, self.place)

    @property
    def workers(self) -> list[fleet.Said]:
        """All workers."""
        return fleet.of_role(self.living, "worker")
