"""Ends many jobs: purges a queue, cancels what has a name or a tag.

Every job ends by the script that ends one, so its keys, limits, counts and row are right. Lines
behind locks come first, from their ends: else each head that goes would make the next one ready.
Jobs that were enqueued after the command began are none of its business. Rows wait in Redis for
a recorder, each as large as its job: where they are many, the walk waits for it.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from jobqueue.broker import facts, operations, waiting
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.client.draining import Draining
from jobqueue.client.logbook import Command, Logbook
from jobqueue.client.options import check_tags, parse_priority
from jobqueue.client.wire import Wire
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.ids import check_name, check_queue
from jobqueue.domain.jobs import Priority
from jobqueue.domain.operations import Swept

MOST = 200  # jobs of one script: some milliseconds of Redis

Lines = dict[str, set[str]]  # lock keys with jobs in line, by partition or queue


class Fits(msgspec.Struct, frozen=True):
    """Which jobs, and what is said of them.

    Args:
        word: What their rows say: ``purged`` or ``cancelled``.
        queue: Only this one.
        asked: What a job must be like, for the script.
        shown: The same for the operator log.
    """

    word: str
    queue: str | None
    asked: dict[str, Any]
    shown: dict[str, Any]


def of_queue(queue: str, priority: Priority | str | None) -> Fits:
    """Return what a purge takes: all that waits in a queue, or in one priority of it.

    Raises:
        InvalidJob: There can be no such queue or priority.
    """
    if priority is None:
        return Fits("purged", check_queue(queue), {}, {"queue": queue})
    level = parse_priority(priority)
    shown = {"queue": queue, "priority": level.label}
    return Fits("purged", check_queue(queue), {"priority": str(int(level))}, shown)


def of_filter(queue: str | None, name: str | None, tag: str | None) -> Fits:
    """Return what is cancelled: what waits and what runs.

    Raises:
        InvalidJob: There can be no such queue, name or tag.
        ConfigurationError: Nothing was asked for.
    """
    asked = {"name": name and check_name(name), "tag": tag and check_tags([tag])[0]}
    asked = {key: value for key, value in asked.items() if value is not None}
    if queue is None and not asked:
        raise ConfigurationError("name a queue, a job name or a tag: nothing would cancel all jobs")
    shown = asked | ({} if queue is None else {"queue": check_queue(queue)})
    return Fits("cancelled", queue, {**asked, "running": True}, shown)


class Sweeps(msgspec.Struct, frozen=True):
    """Ends many jobs of one installation.

    Args:
        wire: Where Redis is, and how to talk to it.
        logbook: Where operators' commands are noted.
        journal_limit: Size of a journal at which workers stop, in bytes; None leaves it to the
            server's memory.
    """

    wire: Wire
    logbook: Logbook
    journal_limit: int | None

    async def sweep(self, action: str, fits: Fits, command: Command, *, dry_run: bool) -> Swept:
        """End the jobs that fit, or count them; see :meth:`JobQueue.cancel_all`."""
        async with self.wire.server.lane() as lane:
            seconds, micros = await lane.command("TIME")
            now = int(seconds) * 1000 + int(micros) // 1000
            places = await self.wire.places(lane, fits.queue)
            bound = (await facts.ask(lane)).journal_bound(self.journal_limit)
            draining = Draining(lane, self.wire.keys, bound // 2)
            walk = Walk(lane, self.wire.keys, places, fits, now, command.reason, draining)
            found = await walk.count()
            if dry_run:
                return found
            details = {"waiting": found.waiting, "running": found.running}
            shown = {"queue": fits.queue, "filter": fits.shown, "details": details}
            await self.logbook.note(action, command, **shown)
            done = Swept()
            # What moves while we walk can be missed; it is met the next time.
            while some := await walk.end():
                done += some
        return done


class Walk(msgspec.Struct):
    """Goes through the jobs of some queues, once to count and then until none is left.

    Args:
        lane: Nobody else uses it meanwhile.
        keys: Names of the installation's keys.
        places: The queues and partitions.
        fits: Which jobs.
        before_ms: Only jobs that were enqueued until then, ms since the epoch.
        reason: Why, for the rows.
        draining: Waits where the rows become too many.
    """

    lane: Lane
    keys: Keys
    places: Sequence[str]
    fits: Fits
    before_ms: int
    reason: str
    draining: Draining
    lines: Lines = msgspec.field(default_factory=lambda: defaultdict(set))

    async def count(self) -> Swept:
        """Count what fits, and note the lines behind locks."""
        found = await self._pages(ends=False)
        return found + await self._lines(self.lines, ends=False)

    async def end(self) -> Swept:
        """End what fits and is met; tell those that run."""
        lines, self.lines = self.lines, defaultdict(set)
        found = await self._lines(lines, ends=True)
        return found + await self._pages(ends=True)

    async def _pages(self, *, ends: bool) -> Swept:
        found = Swept()
        for place in self.places:
            async for ids in waiting.pages(self.lane, self.keys, place):
                found += await self._sweep(place, ids, ends=ends)
        return found

    async def _lines(self, lines: Lines, *, ends: bool) -> Swept:
        found = Swept()
        for place, locks in lines.items():
            for lock in sorted(locks):
                async for ids in waiting.line(self.lane, self.keys, place, lock):
                    found += await self._sweep(place, ids, ends=ends)
        return found

    async def _sweep(self, place: str, ids: Sequence[str], *, ends: bool) -> Swept:
        found = Swept()
        asked = {**self.fits.asked, "before": self.before_ms}
        for first in range(0, len(ids), MOST):
            call = operations.sweep(
                self.keys,
                place,
                ids[first : first + MOST],
                asked,
                ends=ends,
                word=self.fits.word,
                reason=self.reason,
            )
            answer = await self.lane.call(call)
            found += Swept(answer.waited, answer.told)
            if answer.lines:
                self.lines[place].update(answer.lines)
            if ends:
                await self.draining.wait(place, answer.journal_bytes)
        return found
