"""Many jobs in one call: cut into batches, with the answers in the order of the jobs."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any

from jobqueue.client.batches import batches, gravest
from jobqueue.client.handle import Answer
from jobqueue.client.prepared import Prepared
from jobqueue.domain.errors import InvalidJob, JobQueueError
from jobqueue.domain.suggest import shown

Answered = Iterable[tuple[Prepared, Answer]]
_Found = tuple[
    list[int], list[Answer]
]  # the places of a batch's jobs in the call, and their answers
# Batches under way: the places of their jobs in the call, and the task that sends them.
Sending = deque[tuple[list[int], asyncio.Task[list[Answer]]]]


def listed(jobs: Iterable[Prepared]) -> Sequence[Prepared]:
    """Return the jobs that can be looked at before any is sent: those of a list.

    Raises:
        InvalidJob: There is something else among them.
    """
    if not isinstance(jobs, Sequence):
        return ()
    for place, job in enumerate(jobs):
        _refuse_other(job, place)
    return jobs


async def send_all(
    jobs: Iterable[Prepared],
    send: Callable[[Sequence[Prepared]], Coroutine[Any, Any, list[Answer]]],
) -> Answered:
    """Send all jobs and return the answer to each.

    A batch is under way while the iterable makes the next one.

    Args:
        jobs: The jobs.
        send: Sends those of a batch.
    """
    prepared, found, sending = list[Prepared](), list[_Found](), Sending()
    problems: list[BaseException] = []
    try:
        for places in batches(_noted(jobs, prepared)):
            batch = [prepared[i] for i in places]
            sending.append((places, asyncio.create_task(send(batch))))
            await asyncio.sleep(0)  # it is sent now, and others may run
            if len(sending) > 1:
                found.append(await _first(sending))
        while sending:
            found.append(await _first(sending))
    except JobQueueError as error:
        problems.append(error)
    finally:
        # Whatever went wrong, nothing of ours is on its way when the caller hears of it.
        heard = await asyncio.gather(*(task for _, task in sending), return_exceptions=True)
    if problems:
        raise gravest([*problems, *(each for each in heard if isinstance(each, BaseException))])
    return _in_order(prepared, found)


async def _first(sending: Sending) -> _Found:
    """Wait for the first batch under way; return the places of its jobs, and the answers."""
    places, task = sending[0]
    answers = await task
    sending.popleft()
    return places, answers


def send_all_sync(
    jobs: Iterable[Prepared], send: Callable[[Sequence[Prepared]], list[Answer]]
) -> Answered:
    """Do the same without an event loop: one batch after the other."""
    prepared, found = list[Prepared](), list[_Found]()
    for places in batches(_noted(jobs, prepared)):
        found.append((places, send([prepared[i] for i in places])))
    return _in_order(prepared, found)


def _in_order(prepared: Sequence[Prepared], found: Iterable[_Found]) -> Answered:
    """Return each job with its answer; batches of several queues come in any order."""
    answer_of: dict[int, Answer] = {}
    for places, answers in found:
        answer_of.update(zip(places, answers, strict=True))
    return zip(prepared, map(answer_of.__getitem__, range(len(prepared))), strict=True)


def _noted(jobs: Iterable[Prepared], into: list[Prepared]) -> Iterator[Prepared]:
    if hasattr(jobs, "__aiter__"):
        problem = "an async generator can't be sent; collect it: [job async for job in ...]"
        raise InvalidJob("jobs", problem)
    if not isinstance(jobs, Iterable):
        raise InvalidJob("jobs", f"{shown(jobs)} is no list of prepared jobs")
    for job in jobs:
        if type(job) is not Prepared:
            _refuse_other(job, len(into))
        into.append(job)
        yield job


def _refuse_other(job: object, place: int) -> None:
    if not isinstance(job, Prepared):
        problem = f"number {place} is {shown(job)}; give what prepare(...) returns"
        raise InvalidJob("jobs", problem)
