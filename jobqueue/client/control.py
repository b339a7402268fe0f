"""Changes what is there: cancels jobs, and sets limits at run time."""

import re
from dataclasses import dataclass

from jobqueue.broker import limits, lookup
from jobqueue.broker.messages import Rule
from jobqueue.client.wire import Wire
from jobqueue.domain.errors import ConfigurationError, JobConflict, JobNotFound
from jobqueue.domain.ids import check_job_id, check_queue
from jobqueue.domain.jobs import State
from jobqueue.domain.limits import MOST_AT_ONCE, Rate
from jobqueue.domain.partitions import by_queue, refused_limits
from jobqueue.domain.views import LimitView

_LABEL = re.compile(r"(limit|rate):(queue|job:([^:]\S*)|key:\S+)|(depth):queue")


@dataclass(frozen=True)
class Control:
    """Changes one installation.

    Args:
        wire: Where Redis is, and how to talk to it.
    """

    wire: Wire

    async def cancel(self, job_id: str, queue: str | None, reason: str) -> State:
        """Cancel a job; see :meth:`JobQueue.cancel`."""
        check_job_id(job_id)
        async with self.wire.server.lane() as lane:
            known = await self.wire.places(lane, queue)
            found = await lookup.find(lane, self.wire.calls, known, job_id) if known else []
            queues = by_queue(view.queue for view in found)
            if len(queues) > 1:
                names = ", ".join(queues)
                raise ConfigurationError(f"job {job_id} is in several queues, {names}: name one")
            before = ""
            if found:
                newest = max(found, key=lookup.newness)
                before = await lane.call(self.wire.calls.cancel(newest.queue, job_id, reason))
        return cancelled(job_id, before)

    async def limits(self, queue: str | None) -> list[LimitView]:
        """Return the limits of one queue or all, and what they hold now."""
        async with self.wire.server.lane() as lane:
            known = by_queue(await self.wire.places(lane, queue))  # partitions have none
            return [
                view for name in known for view in await limits.show(lane, self.wire.keys, name)
            ]

    async def set_limit(self, queue: str, label: str, value: int | Rate | None) -> list[LimitView]:
        """Set a limit at run time; see :meth:`JobQueue.set_limit`."""
        check_queue(queue)
        async with self.wire.server.lane() as lane:
            known = {each.label: each for each in await limits.show(lane, self.wire.keys, queue)}
            rule = _rule(label, value, known.get(label))
            # A queue that never had a job is shown as well.
            if n := await lane.call(self.wire.calls.register(queue)):
                raise ConfigurationError(refused_limits(queue, n))
            await lane.call(self.wire.calls.set_rule(queue, rule))
            return await limits.show(lane, self.wire.keys, queue)


def cancelled(job_id: str, before: str) -> State:
    """Return the state that a job was in when it was cancelled.

    Args:
        job_id: Its id.
        before: What the script answered: its state, or "" where there is no such job.

    Raises:
        JobNotFound: Redis does not know it.
        JobConflict: It had ended already.
    """
    if not before:
        raise JobNotFound(job_id)
    state = State(before)
    if state.terminal:
        raise JobConflict(job_id, before)
    return state


def _rule(label: str, value: int | Rate | None, known: LimitView | None) -> Rule:
    match = _LABEL.fullmatch(label)
    if match is None:
        raise ConfigurationError(
            f"{label!r} names no limit; write limit:queue, rate:queue, depth:queue, limit:job:NAME "
            "or rate:job:NAME, or the label of a declared one"
        )
    kind, name = match[1] or match[4], match[3]
    if ":key:" in label and known is None:
        raise ConfigurationError(f"no code has declared {label!r}; a limit by key needs a handler")
    if kind == "rate" and not isinstance(value, Rate | None):
        raise ConfigurationError(f"{label!r} is a rate; write Rate(n, per)")
    if kind != "rate" and isinstance(value, Rate):
        raise ConfigurationError(f"{label!r} is a number, not a rate")
    n = value.n if isinstance(value, Rate) else value
    if n is not None and not 1 <= n <= MOST_AT_ONCE:
        raise ConfigurationError(f"{n!r}: write a whole number from 1 to {MOST_AT_ONCE:,}")
    per = value.per_ms if isinstance(value, Rate) else None
    if known is not None:
        return Rule(label, kind, known.job, known.keyed, n, per)
    return Rule(label, kind, name, False, n, per)
