"""Where prepared jobs go: to the partition of each, where its queue has some."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from jobqueue.broker.splits import Splits
from jobqueue.client.prepared import Prepared
from jobqueue.domain.partitions import check_job, place_of_job


def place_of(prepared: Prepared, splits: Splits) -> str:
    """Return the partition of a job; the queue itself where that is whole."""
    queue = prepared.queue
    n = splits.of(queue)
    return place_of_job(queue, n, prepared.job.id, _asking(prepared)) if n else queue


def parts_of(jobs: Sequence[Prepared], splits: Splits) -> dict[str, Sequence[int]]:
    """Return the places in ``jobs``, which are of one queue, by where the jobs go."""
    if not splits.of(jobs[0].queue):
        return {jobs[0].queue: range(len(jobs))}
    found: defaultdict[str, list[int]] = defaultdict(list)
    for i, prepared in enumerate(jobs):
        found[place_of(prepared, splits)].append(i)
    return dict(found)


def check(jobs: Iterable[Prepared], splits: Splits) -> None:
    """Look whether jobs fit the partitions of their queues.

    Raises:
        InvalidJob: One does not.
    """
    for each in jobs:
        if n := splits.of(each.queue):
            check_job(each.queue, n, each.job.id, _asking(each))


def _asking(prepared: Prepared) -> bytes | None:
    return prepared.spec if prepared.job.asks else None
