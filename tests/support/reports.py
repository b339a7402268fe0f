"""A worker's common things, for deliveries that a test makes by hand."""

from jobqueue.domain.context import Progress
from jobqueue.worker.held import Held, Shared


class Noted:
    """Keeps the progress that it is told."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, Progress]] = []

    def report(self, held: Held, progress: Progress) -> None:
        """Note one report with the job's id."""
        self.reports.append((held.delivery.id, progress))


def shared() -> Shared:
    """Return what the jobs of a worker have in common, without a worker."""
    return Shared(Noted())
