"""Changes single jobs: cancels and deletes them, gives them another priority, runs them now.

A job is looked up first; the operator log has a row for each that is there and has not ended.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from jobqueue.broker import lookup, operations
from jobqueue.broker.calls import Call
from jobqueue.broker.lanes import Lane
from jobqueue.broker.lookup import JobView
from jobqueue.client.logbook import Command, Logbook
from jobqueue.client.lookups import one_queue
from jobqueue.client.wire import Wire
from jobqueue.domain.errors import JobNotFound
from jobqueue.domain.ids import check_job_id
from jobqueue.domain.jobs import Priority, State
from jobqueue.domain.operations import conflict
from jobqueue.domain.partitions import by_queue, queue_of

WAITS = frozenset({State.READY, State.SCHEDULED, State.RETRYING, State.BLOCKED})
CANCELLABLE = WAITS | {State.RUNNING}
DELAYED = frozenset({State.SCHEDULED, State.RETRYING})


class Changes(msgspec.Struct, frozen=True):
    """Changes single jobs of one installation.

    Args:
        wire: Where Redis is, and how to talk to it.
        logbook: Where operators' commands are noted.
    """

    wire: Wire
    logbook: Logbook

    async def cancel(self, job_id: str, queue: str | None, command: Command) -> State:
        """Cancel a job; see :meth:`JobQueue.cancel`."""
        return await self._change(
            "jobs.cancel",
            (job_id, queue),
            command,
            lambda place: self.wire.calls.cancel(place, job_id, command.reason),
            CANCELLABLE,
        )

    async def delete(self, job_id: str, queue: str | None, command: Command) -> State:
        """Delete a job; see :meth:`JobQueue.delete`."""
        return await self._change(
            "jobs.delete",
            (job_id, queue),
            command,
            lambda place: operations.delete(self.wire.keys, place, job_id, command.reason),
            frozenset(State) - {State.RUNNING},
        )

    async def run_now(self, job_id: str, queue: str | None, command: Command) -> State:
        """Run a job now; see :meth:`JobQueue.run_now`."""
        return await self._change(
            "jobs.run-now",
            (job_id, queue),
            command,
            lambda place: operations.hasten(self.wire.keys, place, job_id),
            DELAYED,
        )

    async def prioritise(
        self, job_id: str, queue: str | None, priority: Priority, command: Command
    ) -> State:
        """Give a job another priority; see :meth:`JobQueue.set_priority`."""
        return await self._change(
            "jobs.priority",
            (job_id, queue),
            command,
            lambda place: operations.prioritise(self.wire.keys, place, job_id, int(priority)),
            WAITS,
            {"priority": priority.label},
        )

    async def _change(
        self,
        action: str,
        which: tuple[str, str | None],
        command: Command,
        call: Callable[[str], Call[str]],
        possible: frozenset[State],
        details: dict[str, Any] | None = None,
    ) -> State:
        job_id, queue = which
        async with self.wire.server.lane() as lane:
            view = await self._find(lane, check_job_id(job_id), queue)
            if view.state not in possible:
                raise conflict(action, job_id, view.state)
            told = {"state": str(view.state), **(details or {})}
            name = queue_of(view.queue)
            await self.logbook.note(action, command, queue=name, job_id=job_id, details=told)
            before = await lane.call(call(view.queue))
        return possibly(action, job_id, before, possible)

    async def _find(self, lane: Lane, job_id: str, queue: str | None) -> JobView:
        known = await self.wire.places(lane, queue)
        found = await lookup.find(lane, self.wire.calls, known, job_id) if known else []
        one_queue(job_id, list(by_queue(view.queue for view in found)))
        if not found:
            raise JobNotFound(job_id)
        return max(found, key=lookup.newness)


def cancelled(job_id: str, before: str) -> State:
    """Return the state that a job was in when it was cancelled; see ``possibly``."""
    return possibly("jobs.cancel", job_id, before, CANCELLABLE)


def possibly(action: str, job_id: str, before: str, possible: frozenset[State]) -> State:
    """Return the state that a job was in when something was done to it.

    Args:
        action: What was done, as the operator log names it.
        job_id: Its id.
        before: What the script answered: its state, or "" where there is no such job.
        possible: The states in which it can be done.

    Raises:
        JobNotFound: Redis does not know it.
        JobConflict: It was in another state, and nothing was done.
    """
    if not before:
        raise JobNotFound(job_id)
    if (state := State(before)) not in possible:
        raise conflict(action, job_id, before)
    return state
