"""What asynchronous and blocking producers share: one numbered batch and its answer."""

import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from jobqueue.broker.calls import STALE, Call, Calls
from jobqueue.broker.failures import AnswerLost
from jobqueue.broker.splits import Splits
from jobqueue.client.handle import Answer, Status
from jobqueue.client.placing import place_of
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


def batches(jobs: Iterable[Prepared]) -> Iterator[tuple[str, list[int]]]:
    """Cut jobs into batches of one queue each that Redis takes without a stall.

    Returns:
        The queue and the places in ``jobs`` of each batch; each queue's jobs stay in order.
    """
    open_: defaultdict[str, list[int]] = defaultdict(list)
    sizes: defaultdict[str, int] = defaultdict(int)
    for place, job in enumerate(jobs):
        queue = job.queue
        batch = open_[queue]
        batch.append(place)
        sizes[queue] += len(job.spec)
        if len(batch) >= MOST_JOBS or sizes[queue] >= MOST_BYTES:
            yield queue, batch
            del open_[queue], sizes[queue]
    yield from open_.items()


class Numbers:
    """A lane's identity and its call numbers, one series for each queue."""

    def __init__(self) -> None:
        self.caller = secrets.token_hex(8)
        self._last: defaultdict[str, int] = defaultdict(int)

    def next(self, queue: str) -> int:
        """Return the number of the next call for ``queue``."""
        self._last[queue] += 1
        return self._last[queue]


# What Redis said to one call, and what replicas have said of it, where they were asked.
Reply = tuple[str, Reached | None]


class Part(NamedTuple):
    """The jobs of a batch that go to one queue of the broker, by their places in the batch."""

    queue: str
    places: Sequence[int]
    jobs: Sequence[Prepared]
    call: Call[str]


def parts_of(
    calls: Calls, splits: Splits, queue: str, numbers: Numbers, batch: Sequence[Prepared]
) -> list[Part]:
    """Return the numbered calls that send a batch of one queue: one for each partition."""
    if not splits.of(queue):
        return [_part(calls, queue, numbers, range(len(batch)), batch)]
    there: defaultdict[str, list[int]] = defaultdict(list)
    for i, prepared in enumerate(batch):
        there[place_of(prepared, splits)].append(i)
    return [
        _part(calls, place, numbers, places, [batch[i] for i in places])
        for place, places in there.items()
    ]


def _part(
    calls: Calls, queue: str, numbers: Numbers, places: Sequence[int], jobs: Sequence[Prepared]
) -> Part:
    number, specs = numbers.next(queue), [each.spec for each in jobs]
    call = calls.enqueue(queue, numbers.caller, number, [each.job for each in jobs], specs)
    return Part(queue, places, jobs, call)


@dataclass(slots=True)
class Attempt:
    """One batch on its way: its calls, and what is known after each failure.

    Args:
        deadline: Monotonic time after which it is given up.
        parts: Its numbered calls, once it is known where the jobs go; repeating them is safe.
    """

    deadline: float
    parts: Sequence[Part] = ()
    uncertain: bool = False
    _pause: float = field(default=FIRST_PAUSE)

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


CREATED = Answer(Status.CREATED)
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


def read_answers(parts: Sequence[Part], replies: Sequence[Reply]) -> list[Answer]:
    """Return what became of each job of an answered batch, in its order.

    Raises:
        EnqueueUncertain: Redis forgot the number of a call.
    """
    read = [_read(part, *reply) for part, reply in zip(parts, replies, strict=True)]
    if len(read) == 1:
        return read[0]
    found = {
        place: answer
        for part, answers in zip(parts, read, strict=True)
        for place, answer in zip(part.places, answers, strict=True)
    }
    return [found[place] for place in range(len(found))]


def _read(part: Part, reply: str, reached: Reached | None) -> list[Answer]:
    letters, *others = reply.split("\n")
    if reply == STALE or len(letters) != len(part.jobs):
        raise EnqueueUncertain(part.jobs[0].job.id)
    other = iter(others)
    answers = [
        CREATED
        if letter == "c"
        else Answer(_LETTERS[letter], next(other) if letter in _WITH_OTHER else None)
        for letter in letters
    ]
    if reached is None:
        return answers
    return [each._replace(reached=reached if each.status.stored else None) for each in answers]


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
        return NotReplicated(job_id, answer.reached.replicas, answer.reached.asked)
    return None


def error_of_batch(
    attempt: Attempt, error: JobQueueError, jobs: Sequence[Prepared]
) -> JobQueueError:
    """Return what the producer of these jobs is told after their batch was given up."""
    told: JobQueueError
    if attempt.uncertain or isinstance(error, EnqueueUncertain):
        told = EnqueueUncertain(jobs[0].job.id)
    elif isinstance(error, BrokerUnavailable):
        # Earlier batches of the same enqueue_many are stored by now.
        what = "nothing" if len(jobs) == 1 else "nothing of this batch"
        told = BrokerUnavailable(f"{error}; {what} was stored")
    else:
        told = type(error)(*error.args)  # each producer raises one of its own
    told.__cause__ = error
    return told
