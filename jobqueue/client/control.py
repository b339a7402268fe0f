"""Shows limits, and sets them at run time."""

import re

import msgspec

from jobqueue.broker import limits
from jobqueue.broker.messages import Rule
from jobqueue.client.logbook import Command, Logbook
from jobqueue.client.wire import Wire
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.ids import check_queue
from jobqueue.domain.limits import Rate, whole_number
from jobqueue.domain.partitions import by_queue, refused_limits
from jobqueue.domain.views import LimitView

_LABEL = re.compile(r"(limit|rate):(queue|job:([^:]\S*)|key:\S+)|(depth):queue")


class Control(msgspec.Struct, frozen=True):
    """Limits of one installation.

    Args:
        wire: Where Redis is, and how to talk to it.
        logbook: Where operators' commands are noted.
    """

    wire: Wire
    logbook: Logbook

    async def limits(self, queue: str | None) -> list[LimitView]:
        """Return the limits of one queue or all, and what they hold now."""
        async with self.wire.server.lane() as lane:
            known = by_queue(await self.wire.places(lane, queue))  # partitions have none
            return [
                view for name in known for view in await limits.show(lane, self.wire.keys, name)
            ]

    async def set_limit(
        self, queue: str, label: str, value: int | Rate | None, command: Command
    ) -> list[LimitView]:
        """Set a limit at run time; see :meth:`JobQueue.set_limit`."""
        check_queue(queue)
        async with self.wire.server.lane() as lane:
            known = {each.label: each for each in await limits.show(lane, self.wire.keys, queue)}
            rule = _rule(label, value, known.get(label))
            told = {"label": label, "n": rule.n, "per_ms": rule.per_ms}
            await self.logbook.note("limits.set", command, queue=queue, details=told)
            # A queue that never had a job is shown as well.
            if n := await lane.call(self.wire.calls.register(queue)):
                raise ConfigurationError(refused_limits(queue, n))
            await lane.call(self.wire.calls.set_rule(queue, rule))
            return await limits.show(lane, self.wire.keys, queue)


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
        raise ConfigurationError(f"{label!r} is a rate, such as 100/1m; in code Rate(100, 60)")
    if kind != "rate" and isinstance(value, Rate):
        raise ConfigurationError(f"{label!r} is a number, not a rate")
    n, per = (value.n, value.per_ms) if isinstance(value, Rate) else (value, None)
    if n is not None:
        n = whole_number(label, n)
    if known is not None:
        return Rule(label, kind, known.job, known.keyed, n, per)
    return Rule(label, kind, name, False, n, per)
