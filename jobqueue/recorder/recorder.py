"""The recorder's loop."""

import asyncio
import logging
import math
import time
from collections import defaultdict

import msgspec
from msgspec.structs import replace

from jobqueue.broker import hiding
from jobqueue.broker.calls import Calls
from jobqueue.broker.journal import Entry, Journal
from jobqueue.broker.lanes import Lane
from jobqueue.broker.lookup import queues
from jobqueue.broker.messages import Ended, Recorded
from jobqueue.domain import executions
from jobqueue.domain.backoff import PROMPT, Pause
from jobqueue.domain.errors import (
    REFUSALS,
    BrokerError,
    BrokerUnavailable,
    HistoryUnavailable,
    JobQueueError,
    severity,
)
from jobqueue.domain.executions import Execution
from jobqueue.domain.jobs import unpack_spec
from jobqueue.domain.partitions import named
from jobqueue.history.writer import HistoryWriter

log = logging.getLogger("jobqueue.recorder")

BATCH = 2000  # records in one transaction
FIRST = 8  # journal entries of each queue in the first read; how much is in one is not known yet
ADOPT_EVERY = 2.0  # seconds
BY_SCRIPTS = {"lost", "expired", "cancelled"}  # outcomes that also scripts write
WRITE_PATIENCE = 60.0  # seconds; a server that is frozen never answers


class Recorder:
    """Copies the journals of all queues until cancelled.

    Args:
        reading: For reading the journals; blocks.
        lane: For everything else.
        calls: Makes the calls.
        writer: Writes to PostgreSQL.
        recorder: Id of this recorder.
        result_ttl: How long Redis keeps a result, in seconds, unless the job says.
        bound: Size of a journal at which workers stop, in bytes.
        queue: The only queue to record; None for all.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - it stands between Redis and PostgreSQL
        self,
        reading: Lane,
        lane: Lane,
        calls: Calls,
        writer: HistoryWriter,
        recorder: str,
        result_ttl: float,
        bound: int,
        queue: str | None = None,
    ) -> None:
        self._journal = Journal(reading, calls.keys, recorder)
        self._lane = lane
        self._calls = calls
        self._writer = writer
        self._keep_ms = round(result_ttl * 1000)
        self._bound = bound
        self._adopted = -math.inf  # at once: what a dead one left may have waited for us
        self._only = None if queue is None else [queue]
        self._queues: list[str] = []
        self._count = FIRST
        self._mine = True  # whether records that were read before may wait
        self.problem: str | None = None

    async def run(self) -> None:
        """Record until cancelled.

        Raises:
            SchemaMismatch: The schema is not the one that this version needs.
        """
        pause = Pause(PROMPT)
        try:
            while True:
                try:
                    await self._round()
                    pause.reset()
                    self.problem = None
                except (BrokerUnavailable, HistoryUnavailable, *REFUSALS) as error:
                    self._mine = True
                    self._report(error)
                    await pause.wait()
        finally:
            await self._writer.close()
            await self._leave()

    def _report(self, error: JobQueueError) -> None:
        """Say once why nothing is recorded; tries follow each other fast."""
        if str(error) != self.problem:
            self.problem = str(error)
            queue = named(self._only[0]) if self._only else {}
            log.log(severity(error), "recording failed", extra={"error": str(error), **queue})

    async def _round(self) -> None:
        self._queues = self._only or await queues(self._lane, self._calls.keys)
        if not self._queues:
            await asyncio.sleep(1)
            return
        if time.monotonic() - self._adopted > ADOPT_EVERY:
            self._adopted = time.monotonic()
            adopted = [await self._journal.adopt(queue, BATCH) for queue in self._queues]
            self._mine = self._mine or any(adopted)
        read = self._journal.mine if self._mine else self._journal.new
        entries = await read(self._queues, self._count)
        if not entries:
            self._mine = False
        else:
            rows = await self._record(entries)
            self._adapt(len(entries), rows)

    def _adapt(self, entries: int, rows: int) -> None:
        """Ask for as many entries next time as make a batch; one may hold one record or many."""
        if rows > BATCH:
            self._count = max(1, self._count * BATCH // rows)
        elif entries >= self._count and rows < BATCH // 2:
            self._count = min(BATCH, self._count * 4)

    async def _record(self, entries: list[Entry]) -> int:
        opened = [(entry, *_open(entry)) for entry in entries]
        masked = await self._hide([row for _, rows, _ in opened for _, row in rows])
        async with self._journal.kept({entry.queue for entry in entries}):
            refused = await self._write(masked)
        done: defaultdict[str, list[Recorded]] = defaultdict(list)
        for entry, rows, bad in opened:
            ended = [Ended(row.job_id, row.id, self._keep(row)) for _, row in rows if row.final]
            size, count = len(entry.records), len(rows) + len(bad)
            bad += [raw for raw, row in rows if row.id in refused]
            done[entry.queue].append(Recorded(entry.id, size, count, ended, bad))
        if count := sum(len(each.bad) for records in done.values() for each in records):
            log.error("records kept in journal:bad", extra={"count": count})
        await self._lane.calls([self._calls.recorded(q, r, self._bound) for q, r in done.items()])
        return sum(len(rows) for _, rows, _ in opened)

    async def _hide(self, rows: list[Execution]) -> list[Execution]:
        """Add what handlers hide to rows that scripts wrote, which don't know it."""
        by_scripts = [row for row in rows if row.outcome in BY_SCRIPTS and not row.redact]
        jobs = {(row.queue, row.name) for row in by_scripts}
        hidden = await hiding.ask(self._lane, self._calls.keys, jobs)
        if not hidden:
            return rows
        return [
            replace(row, redact=row.redact or hidden.get((row.queue, row.name), ())) for row in rows
        ]

    async def _write(self, rows: list[Execution]) -> set[str]:
        """Write rows; return the ids of those that PostgreSQL could hold only as stubs."""
        if not rows:
            return set()
        try:
            async with asyncio.timeout(WRITE_PATIENCE):
                bad = await self._writer.write(rows)
        except TimeoutError:
            raise HistoryUnavailable(
                f"PostgreSQL did not finish a batch in {WRITE_PATIENCE:g} s"
            ) from None
        for refused in bad:
            log.error(
                "row refused",
                extra={"job_id": refused.execution.job_id, "error": refused.problem},
            )
        return {refused.execution.id for refused in bad}

    def _keep(self, row: Execution) -> int:
        """Return how long Redis keeps what the job came to, in ms; 0 for a plain success."""
        if row.result is None and not row.dead:
            return 0
        try:
            own = unpack_spec(row.spec).result_ttl_ms
        except msgspec.MsgspecError:  # a spec that nobody could read is why it is dead
            own = None
        return self._keep_ms if own is None else own

    async def _leave(self) -> None:
        try:
            await self._journal.leave(self._queues)
        except (BrokerUnavailable, BrokerError) as error:
            log.debug("consumer not deleted", extra={"error": str(error)})


def _open(entry: Entry) -> tuple[list[tuple[bytes, Execution]], list[bytes]]:
    """Return the records of an entry, raw and read, and those that can't be read."""
    rows: list[tuple[bytes, Execution]] = []
    bad: list[bytes] = []
    try:
        raws = executions.split(entry.records)
    except msgspec.MsgspecError:
        return [], [entry.records]
    for raw in raws:
        try:
            rows.append((raw, executions.unpack(raw)))
        except msgspec.MsgspecError:
            bad.append(raw)
    return rows, bad
