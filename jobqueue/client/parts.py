"""Where prepared jobs go, each to its partition where its queue has some; and who answers what."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from jobqueue.broker.splits import Splits
from jobqueue.client.batches import gravest
from jobqueue.client.handle import Answer
from jobqueue.client.prepared import Prepared
from jobqueue.domain.partitions import asks_of, check_job, place_of_job


def place_of(prepared: Prepared, splits: Splits) -> str:
    """Return the partition of a job; the queue itself where that is whole."""
    queue = prepared.queue
    n = splits.of(queue)
    return place_of_job(queue, n, prepared.job.id, asks_of(_asking(prepared))) if n else queue


def parts_of(jobs: Sequence[Prepared], splits: Splits) -> dict[str, Sequence[int]]:
    """Return the places in ``jobs``, which are of one queue, by where the jobs go."""
    if not splits.of(jobs[0].queue):
        return {jobs[0].queue: range(len(jobs))}
    found: defaultdict[str, list[int]] = defaultdict(list)
    for i, prepared in enumerate(jobs):
        found[place_of(prepared, splits)].append(i)
    return dict(found)


def joined(
    parts: Iterable[Sequence[int]], heard: Iterable[list[Answer] | BaseException]
) -> list[Answer]:
    """Return the answers in the order of the jobs.

    Args:
        parts: Their places, part by part.
        heard: What became of each part: its answers, or what went wrong.

    Raises:
        JobQueueError: Something went wrong; of several things the gravest.
    """
    found, problems = dict[int, Answer](), list[BaseException]()
    for places, each in zip(parts, heard, strict=True):
        if isinstance(each, BaseException):
            problems.append(each)
        else:
            found.update(zip(places, each, strict=True))
    if problems:
        raise gravest(problems)
    return [found[i] for i in range(len(found))]


def check(jobs: Iterable[Prepared], splits: Splits) -> None:
    """Look whether jobs fit the partitions of their queues.

    Raises:
        InvalidJob: One does not.
    """
    for each in jobs:
        if n := splits.of(each.queue):
            check_one(each, n)


def check_one(prepared: Prepared, n: int) -> None:
    """Look whether a job fits its queue, which has ``n`` partitions.

    Raises:
        InvalidJob: It does not.
    """
    check_job(prepared.queue, n, prepared.job.id, _asking(prepared))


def _asking(prepared: Prepared) -> bytes | None:
    return prepared.spec if prepared.job.asks else None
