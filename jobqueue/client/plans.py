"""The stored schedules of one installation: what an operator sees of them, and does to them.

What an operator does leaves one row in the operator log, written in the same transaction; that
of a trigger is written before the job is enqueued. Running schedulers look every second.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from jobqueue.broker import ledger
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import Firing, NewJob
from jobqueue.client.operator import whoever
from jobqueue.client.wire import Wire
from jobqueue.domain.errors import (
    BrokerError,
    BrokerUnavailable,
    ConfigurationError,
    InvalidJob,
    JobQueueError,
    ScheduleConflict,
)
from jobqueue.domain.explained import explain
from jobqueue.domain.ids import check_key, uuid7
from jobqueue.domain.instants import from_ms
from jobqueue.domain.occurrences import job_id
from jobqueue.domain.occurrences import plan as steps
from jobqueue.domain.operations import Operation
from jobqueue.domain.partitions import place_of_key
from jobqueue.domain.plans import Occurrence, Plan, ScheduleView, Upcoming
from jobqueue.history import engine, operations, schedules
from jobqueue.history import ledger as rows

log = logging.getLogger("jobqueue.client")

MOST = 1000  # lines of an answer
PATIENCE = 3.0  # seconds for a row about what is done already


class Plans(msgspec.Struct, frozen=True):
    """The stored schedules of one installation.

    Args:
        wire: Says where Redis is; asked only where its time matters.
        database_url: Where they are stored.
        operator: Who gives commands, unless one says who; None for the user of this process.
    """

    wire: Callable[[], Wire]
    database_url: str
    operator: str | None = None

    async def add(self, new: Plan, reason: str, operator: str | None, *, replace: bool) -> None:
        """Store a schedule; see :meth:`JobQueue.add_schedule`."""
        async with self.wire().server.lane() as lane:
            now = from_ms(await self._now_ms(lane))
        _check_due(new, now)
        details = {"job": new.job, "timing": rows.timing_row(new.timing)}
        operation = self._operation("schedules.add", new.name, reason, operator, details, new.queue)
        async with self._database() as database:
            stored = msgspec.structs.replace(new, since=now)
            await schedules.add(database, stored, operation, instead=replace)

    async def every(self) -> list[ScheduleView]:
        """Return all schedules by name, each with its next occurrence."""
        async with self._database() as database:
            found = await schedules.every(database)
        now = from_ms(time.time_ns() // 1_000_000)
        return [msgspec.structs.replace(each, next_at=_next(each, now)) for each in found]

    async def upcoming(self, name: str, n: int, after: datetime | None) -> list[Upcoming]:
        """Return the next occurrences; see :meth:`JobQueue.next_occurrences`."""
        _check_number("n", n)
        async with self._database() as database:
            timing = (await schedules.one(database, name)).timing
        moment = from_ms(time.time_ns() // 1_000_000) if after is None else after
        return [*explain(name, timing.rule(), timing.policy(), moment, n)]

    async def pause(self, name: str, reason: str, operator: str | None) -> ScheduleView | None:
        """Skip the occurrences of a schedule; see :meth:`JobQueue.pause_schedule`."""
        operation = self._operation("schedules.pause", name, reason, operator)
        async with self._database() as database:
            if await schedules.pause(database, name, operation):
                return None
            return await schedules.one(database, name)

    async def resume(self, name: str, reason: str, operator: str | None) -> bool:
        """Let a schedule fire again; see :meth:`JobQueue.resume_schedule`."""
        operation = self._operation("schedules.resume", name, reason, operator)
        async with self._database() as database:
            now = None
            try:
                plan = await schedules.plan(database, name)
                async with self.wire().server.lane() as lane:
                    now = from_ms(await self._now_ms(lane))
                    if plan.paused:
                        await self._skip(self.wire(), lane, plan, now)
            except (BrokerError, BrokerUnavailable, ConfigurationError) as error:
                # It shall fire again all the same, by the clock of PostgreSQL if need be.
                log.warning(
                    "pause not in the ledger", extra={"schedule": name, "error": str(error)}
                )
            return await schedules.resume(database, name, operation, now)

    async def _skip(self, wire: Wire, lane: Lane, plan: Plan, now: datetime) -> None:
        """Write down what was skipped by a pause while no scheduler ran: none will do so later."""
        place = await _place(wire, lane, plan)
        fired = int(await lane.command("HGET", wire.keys.fired(place), plan.name) or 0)
        if not fired:
            return
        # Without jitter: what that puts off is not to fire any more, either.
        timing = msgspec.structs.replace(plan.timing, jitter=0.0)
        after = max(filter(None, (from_ms(fired), plan.since)))
        for step in steps(plan.name, timing.rule(), timing.policy(), after, now, paused=True):
            id_ = job_id(plan.name, step.occurrence)
            job = NewJob(id_, plan.priority, None, None, plan.job, plan.asks)
            firing = ledger.firing(step, timing.overlap)
            await lane.call(wire.calls.fire(place, plan.name, firing, job, plan.spec))
            await self._copy(wire, lane, place)

    async def remove(
        self, name: str | None, lock: str | None, dry_run: bool, reason: str, operator: str | None
    ) -> list[str]:
        """Remove schedules; see :meth:`JobQueue.remove_schedules`."""
        if name is None and lock is None:
            raise ConfigurationError("give the name of a schedule, or a lock")
        details = {} if lock is None else {"lock": check_key("lock", lock)}
        operation = self._operation("schedules.remove", name, reason, operator, details)
        async with self._database() as database:
            queues = await schedules.remove(database, name, lock, operation, dry_run=dry_run)
        if not dry_run:
            await self._forget(queues)
        return [*queues]

    async def _forget(self, queues: Mapping[str, str]) -> None:
        """Drop what Redis keeps of removed schedules; else schedulers that run do so."""
        try:
            async with asyncio.timeout(PATIENCE), self.wire().server.lane() as lane:
                for name, queue in queues.items():
                    await ledger.forget(lane, self.wire().keys, queue, [name])
        except (BrokerError, BrokerUnavailable, ConfigurationError, TimeoutError) as error:
            # What was asked for is done.
            log.info("left in Redis", extra={"schedules": [*queues], "error": str(error)})

    async def occurrences(
        self, name: str | None, outcome: str | None, since: datetime | None, limit: int
    ) -> list[Occurrence]:
        """Return what became of occurrences; see :meth:`JobQueue.schedule_ledger`."""
        _check_number("limit", limit)
        if outcome not in {None, "enqueued", "skipped"}:
            raise InvalidJob("outcome", f"{outcome!r} is none; write enqueued or skipped")
        if since is not None and since.utcoffset() is None:
            raise InvalidJob("since", f"{since} has no time zone; add tzinfo")
        async with self._database() as database:
            return await schedules.occurrences(database, name, outcome, since, limit)

    async def trigger(self, name: str, reason: str, operator: str | None) -> str:
        """Enqueue a job of a schedule now; see :meth:`JobQueue.trigger_schedule`."""
        wire = self.wire()
        async with self._database() as database, wire.server.lane() as lane:
            plan = await schedules.plan(database, name)
            job = NewJob(
                uuid7(time.time_ns() // 1_000_000), plan.priority, None, None, plan.job, plan.asks
            )
            details = {"job_id": job.id}
            operation = self._operation(
                "schedules.trigger", name, reason, operator, details, plan.queue
            )
            # First who has no Redis is told; then it is written down; then it is done.
            now_ms, place = await self._now_ms(lane), await _place(wire, lane, plan)
            await operations.log(database, operation)
            firing = Firing(now_ms, now_ms, triggered=True)
            answer = await lane.call(wire.calls.fire(place, name, firing, job, plan.spec))
            await self._copy(wire, lane, place)
        if answer == "skipped":
            raise ScheduleConflict(name, "another job has its unique key; nothing was enqueued")
        return job.id

    async def _copy(self, wire: Wire, lane: Lane, place: str) -> None:
        """Bring what we did to the ledger in PostgreSQL now, else a scheduler does so later."""
        try:
            async with (
                asyncio.timeout(PATIENCE),
                await engine.connect(self.database_url, "schedules") as connection,
            ):
                entries, found = await ledger.read(lane, wire.keys, place)
                if entries:
                    await rows.write(connection, found)
                    await ledger.drop(lane, wire.keys, place, entries)
        except (JobQueueError, TimeoutError) as error:
            # What was asked for is done, and the answer must say so.
            log.info("ledger not copied", extra={"queue": place, "error": str(error)})

    async def _now_ms(self, lane: Lane) -> int:
        """Return the time of Redis: a host's clock may be wrong."""
        wire = self.wire()
        time, _ = await lane.commands([("TIME",), ("EXISTS", wire.keys.queues)])
        return wire.calls.now_us(time) // 1000

    def _operation(
        self,
        action: str,
        name: str | None,
        reason: str,
        operator: str | None,
        details: Mapping[str, Any] | None = None,
        queue: str | None = None,
    ) -> Operation:
        named = {} if name is None else {"schedule": name}
        return Operation(
            operator=operator or self.operator or whoever(),
            action=action,
            reason=reason,
            queue=queue,
            details={**named, **(details or {})},
        )

    def _database(self) -> Any:
        return engine.opened(self.database_url, "schedules")


async def _place(wire: Wire, lane: Lane, plan: Plan) -> str:
    """Return where the jobs of a schedule go: into a partition where its queue has some."""
    n = wire.splits.note(plan.queue, await lane.call(wire.splits.ask(plan.queue)))
    return place_of_key(plan.queue, n, plan.lock or plan.name) if n else plan.queue


def _check_due(new: Plan, now: datetime) -> None:
    following = new.timing.rule().next_after(now)
    if following is None:
        raise ConfigurationError(f"schedule {new.name!r}: it has no occurrence to come")
    try:
        new.timing.policy().due(new.name, following)
    except OverflowError:
        raise ConfigurationError(
            f"schedule {new.name!r}: jitter puts {following} off beyond the year 9999"
        ) from None


def _next(each: ScheduleView, now: datetime) -> datetime | None:
    if each.paused_at is not None:
        return None  # what comes is skipped
    try:
        return each.timing.normal().rule().next_after(now)
    except ConfigurationError:  # a newer version's, or a zone that this host does not know
        return None


def _check_number(option: str, n: int) -> None:
    if not 1 <= n <= MOST:
        raise InvalidJob(option, f"{n!r}: write a whole number from 1 to {MOST}")
