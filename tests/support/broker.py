"""One queue on a real server, and everybody who talks to it, each step by hand.

Every step exists twice: ``enqueue`` makes the call and runs it; ``enqueuing`` only makes
it, so that a test can run it late, twice, or never, as a network does.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from jobqueue.broker import ledger
from jobqueue.broker.calls import Call, FetchLimits
from jobqueue.broker.messages import (
    Delivery,
    Ended,
    Fetched,
    Firing,
    NewJob,
    Promoted,
    Reclaimed,
    Recorded,
    Report,
    Return,
    Rule,
    Ruled,
    Settlement,
    Watched,
)
from jobqueue.broker.servers import Server
from jobqueue.domain import executions
from jobqueue.domain.executions import Execution
from jobqueue.domain.jobs import SPEC_VERSION, Asks, Spec
from jobqueue.domain.plans import Occurrence
from tests.support.place import Place


def spec_of(asks: Asks | None) -> bytes:
    """Return the packed spec of a job without arguments."""
    return msgspec.msgpack.encode(Spec(SPEC_VERSION, asks, b"{}"))


SPEC = spec_of(None)
LEASE_MS = 15_000
OVER = 0  # life of a lease that is over as soon as it is set
JOURNAL_BYTES = 1 << 30
HOUR_MS = 3_600_000

OUTCOMES = {"succeeded": "succeeded", "dead": "failed", "retrying": "failed", "scheduled": ""}


@dataclass
class Broker(Place):
    """A queue with its producers, workers and recorders; call numbers count by themselves."""

    def number(self, caller: str) -> int:
        """Return the next call number of a lane."""
        self.numbers[caller] += 1
        return self.numbers[caller]

    # Producers

    def enqueuing(
        self,
        *ids: str,
        priority: int = 2,
        delay_ms: int | None = None,
        at_ms: int | None = None,
        name: str = "job",
        spec: bytes = SPEC,
        asks: Asks | None = None,
        caller: str = "producer",
    ) -> Call[str]:
        """Make the call that stores jobs, which all ask for the same."""
        jobs = [NewJob(id_, priority, delay_ms, at_ms, name, asks is not None) for id_ in ids]
        specs = [spec_of(asks) if asks else spec] * len(jobs)
        return self.calls.enqueue(self.queue, caller, self.number(caller), jobs, specs)

    async def enqueue(self, *ids: str, **options: Any) -> str:
        """Store jobs; return their letters."""
        return await self.run(self.enqueuing(*ids, **options))

    def firing(
        self,
        schedule: str,
        time_ms: int,
        *,
        id_: str | None = None,
        asks: Asks | None = None,
        **firing: Any,
    ) -> Call[str]:
        """Make the call that enqueues one occurrence."""
        job = NewJob(id_ or f"{schedule}@{time_ms}", 2, None, None, "job", asks is not None)
        what = Firing(**{"time_ms": time_ms, "due_ms": time_ms, **firing})
        return self.calls.fire(self.queue, schedule, what, job, spec_of(asks))

    async def ledger(self) -> list[Occurrence]:
        """Return what became of the occurrences of schedules."""
        return (await ledger.read(self.lane, self.keys, self.queue))[1]

    async def watch(self, id_: str, inbox: str = "client") -> Watched:
        """Ask what a job came to."""
        return await self.run(self.calls.watch(self.queue, id_, inbox))

    async def cancel(self, id_: str, reason: str = "asked to") -> str:
        """Cancel a job; return its state before."""
        return await self.run(self.calls.cancel(self.queue, id_, reason))

    # Operators, and apps that start

    async def declare(self, *rules: Rule, names: Sequence[str] = ("job",)) -> dict[str, Ruled]:
        """Say what code limits the jobs of some names to."""
        return await self.run(self.calls.declare(self.queue, rules, names))

    async def set_rule(self, rule: Rule) -> dict[str, Ruled]:
        """Say what an operator limits something to."""
        return await self.run(self.calls.set_rule(self.queue, rule))

    # Workers

    def fetching(
        self,
        worker: str = "w1",
        slots: int = 10,
        *,
        lease_ms: int = LEASE_MS,
        journal_bytes: int = JOURNAL_BYTES,
        budget: int = 3,
        alone: bool = False,
        before: Sequence[str] = (),
    ) -> Call[Fetched]:
        """Make the call that takes jobs."""
        limits, number = FetchLimits(lease_ms, journal_bytes, budget), self.number(worker)
        return self.calls.fetch(
            self.queue, worker, number, slots, limits, alone=alone, before=before
        )

    async def fetch(self, worker: str = "w1", slots: int = 10, **options: Any) -> list[Delivery]:
        """Take jobs; return the deliveries."""
        return (await self.run(self.fetching(worker, slots, **options))).deliveries

    async def take(self, worker: str = "w1", **options: Any) -> Delivery:
        """Take exactly one job."""
        [delivery] = await self.fetch(worker, 1, **options)
        return delivery

    def recovering(
        self, worker: str = "w1", *, lease_ms: int = LEASE_MS, limit: int = 10_000
    ) -> Call[Fetched]:
        """Make the call that asks what a worker owns."""
        return self.calls.recover(self.queue, worker, self.number(worker), lease_ms, limit)

    async def recover(self, worker: str = "w1", **options: Any) -> list[Delivery]:
        """Ask what a worker owns."""
        return (await self.run(self.recovering(worker, **options))).deliveries

    def finishing(
        self,
        *deliveries: Delivery,
        state: str = "succeeded",
        delay_ms: int | None = None,
        fields: Sequence[str | int] = (),
        payload: str = "",
        worker: str = "w1",
        records: Iterable[bytes] | None = None,
    ) -> Call[str]:
        """Make the call that settles attempts, all with the same outcome."""
        settlements = [
            Settlement(d.id, d.token, d.flags > 0, d.name, state, delay_ms, fields, payload)
            for d in deliveries
        ]
        if records is None:
            records = [self.record(d, state, worker) for d in deliveries]
        number = self.number(f"{worker}/s")
        return self.calls.finish(self.queue, worker, number, settlements, records)

    async def finish(self, *deliveries: Delivery, **options: Any) -> str:
        """Settle attempts; return their letters."""
        return await self.run(self.finishing(*deliveries, **options))

    async def fail(self, delivery: Delivery, delay_ms: int = 0, **options: Any) -> str:
        """Let an attempt fail and be tried again; it is counted."""
        fields = ["attempts", delivery.attempts + 1, "delay", delay_ms]
        options = {"state": "retrying", "delay_ms": delay_ms, "fields": fields} | options
        return await self.finish(delivery, **options)

    def releasing(
        self, *deliveries: Delivery, worker: str = "w1", started: bool = True
    ) -> Call[str]:
        """Make the call that hands jobs back."""
        returns = [Return(d.id, d.token) for d in deliveries]
        rows = [self.record(d, "released", worker) if started else b"" for d in deliveries]
        number = self.number(f"{worker}/s")
        return self.calls.release(self.queue, worker, number, returns, rows)

    async def release(self, *deliveries: Delivery, **options: Any) -> str:
        """Hand jobs back; return their letters."""
        return await self.run(self.releasing(*deliveries, **options))

    async def snooze(self, delivery: Delivery, delay_ms: int = HOUR_MS) -> str:
        """Put a job off for a time; it is not counted."""
        return await self.finish(delivery, state="scheduled", delay_ms=delay_ms)

    async def progress(
        self, delivery: Delivery, progress: str = "[0.5,null]", worker: str = "w1"
    ) -> str:
        """Report how far a job is; return its letter."""
        report = Report(delivery.id, delivery.token, progress)
        return await self.run(self.calls.progress(self.queue, worker, [report]))

    async def renew(self, worker: str = "w1", lease_ms: int = LEASE_MS) -> int:
        """Lengthen a lease; return what the worker owns, -1 when the lease is gone."""
        return await self.run(self.calls.renew(self.queue, worker, lease_ms))

    def record(self, delivery: Delivery, state: str, worker: str = "w1") -> bytes:
        """Return the journal record of an attempt; empty when it leaves no row."""
        outcome = OUTCOMES.get(state, state)
        if not outcome:
            return b""
        final = state in {"succeeded", "dead", "cancelled", "expired"}
        counted = delivery.attempts + 1
        d, us = delivery, delivery.ready_ms * 1000
        return executions.pack(
            Execution(
                executions.VERSION, d.token, d.id, d.run, counted, d.delivery, final, outcome,
                self.queue, d.name, d.priority, worker, "", d.enqueued_ms, d.ready_ms, us, us,
                d.spec,
            )
        )  # fmt: skip

    # Reclaimers, schedulers, recorders

    async def lease(self, worker: str = "w1") -> int | None:
        """Return when a lease is over, ms since the epoch; None when it is absent."""
        score = await self.redis("ZSCORE", self.keys.leases(self.queue), worker)
        return None if score is None else int(score)

    async def lapse(self, worker: str = "w1") -> int:
        """Let a worker be silent until its lease is over; return when it was."""
        now = await self.now_ms()
        await self.redis("ZADD", self.keys.leases(self.queue), "XX", now - 1, worker)
        return now - 1

    async def reclaim(
        self, worker: str = "w1", expiry_ms: int | None = None, *, limit: int = 100, budget: int = 3
    ) -> Reclaimed:
        """Take back what a worker held; without an expiry, of the lease as it is now."""
        if expiry_ms is None:
            expiry_ms = await self.lease(worker) or 0
        return await self.run(self.calls.reclaim(self.queue, worker, expiry_ms, limit, budget))

    async def crash(self, worker: str = "w1", **options: Any) -> Reclaimed:
        """Let a worker die, its lease run out, and its jobs be taken back."""
        while True:
            taken = await self.reclaim(worker, await self.lapse(worker), **options)
            # One that lives may have renewed its lease in between.
            if taken.taken or await self.lease(worker) is None:
                return taken

    async def promote(self, limit: int = 500) -> Promoted:
        """Make due jobs ready."""
        return await self.run(self.calls.promote(self.queue, limit))

    async def mature(self, *ids: str) -> None:
        """Let time pass until scheduled jobs are due."""
        now = await self.now_ms()
        due = [value for id_ in ids for value in (now, id_)]
        if due:
            await self.redis("ZADD", self.keys.scheduled(self.queue), "XX", *due)

    def redriving(
        self,
        letter: str,
        id_: str,
        run: int = 1,
        *,
        priority: int = 2,
        spec: bytes = SPEC,
        asks: Asks | None = None,
        name: str = "job",
    ) -> Call[str]:
        """Make the call that puts a dead letter back."""
        job = NewJob(id_, priority, None, None, name, asks is not None)
        return self.calls.redrive(self.queue, letter, run, job, spec_of(asks) if asks else spec)

    async def redrive(self, letter: Delivery, **options: Any) -> str:
        """Put back what died in this delivery."""
        return await self.run(self.redriving(letter.token, letter.id, letter.run + 1, **options))

    async def recording(self, *, keep_ms: int = 0) -> list[Recorded]:
        """Return what a recorder says when it has written the whole journal."""
        found = []
        for entry, raw in await self.entries():
            rows = [executions.unpack(record) for record in executions.split(raw)]
            ended = [Ended(row.job_id, row.id, keep_ms) for row in rows if row.final]
            found.append(Recorded(entry, len(raw), len(rows), ended))
        return found

    async def recorded(self, *, keep_ms: int = 0, bound: int = JOURNAL_BYTES) -> int:
        """Let a recorder have written the whole journal; return the jobs that went."""
        records = await self.recording(keep_ms=keep_ms)
        return await self.run(self.calls.recorded(self.queue, records, bound))

    async def drain(self, worker: str = "drain") -> list[str]:
        """Run everything that is there or due, one job at a time; return the ids in order."""
        order = []
        while True:
            while (await self.promote()).count:
                pass
            fetched = await self.run(self.fetching(worker, 1))
            for delivery in fetched.deliveries:
                order.append(delivery.id)
                await self.finish(delivery, worker=worker)
            if fetched.status == "ok":
                return order


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Broker]:
    """Give a broker on a lane of its own."""
    async with Server(url).lane() as lane:
        yield Broker(lane, url)


def ids(deliveries: Iterable[Delivery]) -> list[str]:
    """Return the job ids in their order."""
    return [delivery.id for delivery in deliveries]
