"""What operators have told this worker: to pause, to go on, to take nothing any more.

An order holds for this worker alone and ends with it. What it does about it stands in its presence,
where whoever gave the order looks.
"""

import logging
from typing import Any

import msgspec

from jobqueue.domain.pauses import Action, Note, Order
from jobqueue.worker.fetcher import Fetcher

log = logging.getLogger("jobqueue.worker")


class Orders:
    """Does what it is told.

    Args:
        fetcher: Takes the jobs.
        worker: Id of the worker.
    """

    def __init__(self, fetcher: Fetcher, worker: str) -> None:
        self._fetcher = fetcher
        self._worker = worker
        self._paused: Note | None = None
        self._quiet = False

    def obey(self, order: Order) -> None:
        """Do what an operator says; running jobs go on whatever it is."""
        if order.action is Action.QUIET:
            self.be_quiet()
        elif order.action is Action.PAUSE:
            self._paused = order.note
            self._fetcher.quiet()
            self._say("worker paused", order.note)
        else:
            self._paused = None
            if not self._quiet:
                self._fetcher.go_on()
            self._say("worker resumed", order.note)

    def be_quiet(self) -> None:
        """Take no more jobs, for ever."""
        self._quiet = True
        self._fetcher.quiet()
        log.info("worker quiet", extra={"worker": self._worker})

    def described(self) -> dict[str, Any]:
        """Return what the worker says of itself."""
        paused = None if self._paused is None else msgspec.to_builtins(self._paused)
        return {"paused": paused, "quiet": self._quiet}

    def _say(self, event: str, note: Note) -> None:
        said = {"worker": self._worker, "operator": note.operator, "reason": note.reason}
        log.info(event, extra=said)
