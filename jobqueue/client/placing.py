"""Where prepared jobs go: the partition of each, where its queue has some."""

from collections.abc import Sequence

from jobqueue.broker.splits import Splits
from jobqueue.client.prepared import Prepared
from jobqueue.domain.partitions import check_job, place_of_job


def place_of(prepared: Prepared, splits: Splits) -> str:
    """Return the partition of a job; the queue itself where that is whole."""
    n = splits.of(prepared.queue)
    return place_of_job(prepared.queue, n, prepared.job.id, _asking(prepared))


def check(jobs: Sequence[Prepared], splits: Splits) -> None:
    """Look whether jobs of one queue fit its partitions.

    Raises:
        InvalidJob: One does not.
    """
    if n := splits.of(jobs[0].queue):
        for each in jobs:
            check_job(each.queue, n, each.job.id, _asking(each))


def _asking(prepared: Prepared) -> bytes | None:
    return prepared.spec if prepared.job.asks else None
