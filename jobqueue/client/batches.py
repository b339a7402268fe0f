"""What asynchronous and blocking producers share: one numbered batch and its answer."""

import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from jobqueue.broker.calls import STALE, Call, Calls
from jobqueue.broker.failures import AnswerLost
from jobqueue.client.handle import Answer, Status
from jobqueue.client.prepared import Prepared
from jobqueue.domain.errors import (
    BrokerError,
    BrokerUnavailable,
    DuplicateJob,
    EnqueueUncertain,
    IdempotencyConflict,
    JobExists,
    JobQueueError,
    NotReplicated,
    QueueFull,
)
from jobqueue.domain.replication import Reached

MOST_JOBS = 1000  # in one call: about 10 ms of Redis
MOST_BYTES = 4 * 1024 * 1024
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds
# Seconds without a call after which a harmless command goes first: a line that broke in
# the meantime would leave the fate of a job uncertain that was never sent.
IDLE = 1.0


def batches(jobs: Iterable[Prepared]) -> Iterator[list[int]]:
    """Cut jobs into batches of one queue each that Redis takes without a stall.

    Returns:
        The places in ``jobs`` of each batch; each queue's jobs stay in order.
    """
    open_: defaultdict[str, list[int]] = defaultdict(list)
    sizes: defaultdict[str, int] = defaultdict(int)
    for place, job in enumerate(jobs):
        queue = job.queue
        batch = open_[queue]
        batch.append(place)
        sizes[queue] += len(job.spec)
        if len(batch) >= MOST_JOBS or sizes[queue] >= MOST_BYTES:
            yield batch
            del open_[queue], sizes[queue]
    yield from open_.values()


class Numbers:
    """A lane's identity and its call numbers, one series for each queue."""

    def __init__(self) -> None:
        self.caller = secrets.token_hex(8)
        self._last: defaultdict[str, int] = defaultdict(int)

    def next(self, queue: str) -> int:
        """Return the number of the next call for ``queue``."""
        self._last[queue] += 1
        return self._last[queue]


class Attempt(msgspec.Struct):
    """One batch on its way: its call, and what is known after each failure.

    Args:
        call: The numbered call, which may be repeated; None where there is nothing to send.
        deadline: Monotonic time after which it is given up.
        reached: What replicas have said, where they were asked.
    """

    call: Call[str] | None
    deadline: float
    uncertain: bool = False
    reached: Reached | None = None
    _pause: float = msgspec.field(default=FIRST_PAUSE)

    @classmethod
    def of(
        cls, calls: Calls, queue: str, numbers: Numbers, batch: Sequence[Prepared], deadline: float
    ) -> "Attempt":
        """Return the attempt to send ``batch`` until ``deadline``."""
        if not batch:
            return cls(None, deadline)
        jobs, specs = [p.job for p in batch], [p.spec for p in batch]
        call = calls.enqueue(queue, numbers.caller, numbers.next(queue), jobs, specs)
        return cls(call, deadline)

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self.deadline

    def failed(self, error: JobQueueError, *, sent: bool) -> float:
        """Return the seconds to wait before the next try.

        Args:
            error: What happened.
            sent: Whether it happened to the call itself, not to what goes before it.

        Raises:
            JobQueueError: ``error`` itself, when the time is over or trying is useless.
        """
        self.uncertain = self.uncertain or (sent and isinstance(error, AnswerLost))
        pause, self._pause = self._pause, min(LONGEST_PAUSE, self._pause * 2)
        if isinstance(error, BrokerError) or time.monotonic() + pause > self.deadline:
            raise error
        return pause


_LETTERS = {
    "b": Status.BLOCKED,
    "r": Status.REPLACED,
    "d": Status.DUPLICATE,
    "x": Status.EXISTS,
    "u": Status.TAKEN,
    "m": Status.MISMATCH,
    "f": Status.FULL,
}
_WITH_OTHER = frozenset("brdum")


def read_answers(
    reply: str, place: str, batch: Sequence[Prepared], reached: Reached | None = None
) -> list[Answer]:
    """Return what became of each job of an answered batch.

    Args:
        reply: The script's.
        place: The queue or partition where it ran.
        batch: The jobs.
        reached: What replicas say of all of them, where they were asked.

    Raises:
        EnqueueUncertain: Redis forgot the number of this call.
    """
    if not batch:
        return []
    letters, *others = reply.split("\n")
    if reply == STALE or len(letters) != len(batch):
        raise EnqueueUncertain(*(each.job.id for each in batch))
    other = iter(others)
    if reached is not None:
        found = read_answers(reply, place, batch)
        return [each._replace(reached=reached if each.status.stored else None) for each in found]
    created = Answer(Status.CREATED, place)
    return [
        created
        if letter == "c"
        else Answer(_LETTERS[letter], place, next(other) if letter in _WITH_OTHER else None)
        for letter in letters
    ]


def error_of_answer(prepared: Prepared, answer: Answer) -> JobQueueError | None:
    """Return what the producer of one job is told when it is not as he asked; else None."""
    job_id, other = prepared.job.id, answer.other or ""
    match answer.status:
        case Status.EXISTS:
            return JobExists(job_id)
        case Status.TAKEN:
            return DuplicateJob(job_id, other)
        case Status.MISMATCH:
            return IdempotencyConflict(job_id, other)
        case Status.FULL:
            return QueueFull(prepared.queue)
    if answer.reached is not None and not answer.reached.enough:
        reached = answer.reached
        return NotReplicated(job_id, reached.replicas, reached.asked, reached.problem)
    return None


def error_of_batch(
    attempt: Attempt, error: JobQueueError, jobs: Sequence[Prepared]
) -> JobQueueError:
    """Return what the producer of these jobs is told after their batch was given up."""
    told: JobQueueError
    if jobs and (attempt.uncertain or isinstance(error, EnqueueUncertain)):
        told = EnqueueUncertain(*(each.job.id for each in jobs))
    elif isinstance(error, BrokerUnavailable):
        # Earlier batches of the same enqueue_many are stored by now, and perhaps other parts.
        what = "nothing" if len(jobs) <= 1 else f"nothing of this batch of {len(jobs)} jobs"
        told = BrokerUnavailable(f"{str(error).removesuffix('.')}; {what} was stored")
    else:
        told = type(error)(*error.args)  # each producer raises one of its own
    told.__cause__ = error
    return told


def gravest(problems: Sequence[BaseException]) -> BaseException:
    """Return what a producer is told when several of his calls went wrong.

    That some jobs are in doubt counts most, since nobody but him can find out: he hears of
    all of them, whatever became of the others. Else it is what went wrong first.
    """
    doubts = [each for each in problems if isinstance(each, EnqueueUncertain)]
    if not doubts:
        return problems[0]
    told = EnqueueUncertain(*dict.fromkeys(id_ for each in doubts for id_ in each.job_ids))
    told.__cause__ = doubts[0].__cause__
    return told
