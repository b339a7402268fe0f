"""The recorder's loop."""

import asyncio
import logging
import time
from collections import defaultdict

import msgspec

from jobqueue.broker.calls import Calls, Recorded
from jobqueue.broker.journal import Entry, Journal
from jobqueue.broker.lanes import Lane
from jobqueue.broker.lookup import queues
from jobqueue.domain import executions
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import (
    REFUSALS,
    BrokerError,
    BrokerUnavailable,
    HistoryUnavailable,
    severity,
)
from jobqueue.domain.executions import Execution
from jobqueue.domain.jobs import Spec
from jobqueue.history.writer import HistoryWriter

log = logging.getLogger("jobqueue.recorder")

BATCH = 2000  # records in one transaction
FAIR = 100  # of these, what each queue may bring however many queues there are
ADOPT_EVERY = 10.0  # seconds
WRITE_PATIENCE = 60.0  # seconds; a server that is frozen never answers
_spec = msgspec.msgpack.Decoder(Spec)


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
    """

    def __init__(
        self,
        reading: Lane,
        lane: Lane,
        calls: Calls,
        writer: HistoryWriter,
        recorder: str,
        result_ttl: float,
        bound: int,
    ) -> None:
        self._journal = Journal(reading, calls.keys, recorder)
        self._lane = lane
        self._calls = calls
        self._writer = writer
        self._keep_ms = round(result_ttl * 1000)
        self._bound = bound
        self._adopted = time.monotonic()
        self._queues: list[str] = []
        self._mine = True  # whether records that were read before may wait
        self.problem: str | None = None

    async def run(self) -> None:
        """Record until cancelled.

        Raises:
            SchemaMismatch: The schema is not the one that this version needs.
        """
        pause = Pause()
        try:
            while True:
                try:
                    await self._round()
                    pause.reset()
                    self.problem = None
                except (BrokerUnavailable, HistoryUnavailable, *REFUSALS) as error:
                    self.problem = str(error)
                    self._mine = True
                    log.log(severity(error), "recording failed", extra={"error": str(error)})
                    await pause.wait()
        finally:
            await self._writer.close()
            await self._leave()

    async def _round(self) -> None:
        self._queues = await queues(self._lane, self._calls.keys)
        if not self._queues:
            await asyncio.sleep(1)
            return
        if time.monotonic() - self._adopted > ADOPT_EVERY:
            self._adopted = time.monotonic()
            adopted = [await self._journal.adopt(queue, BATCH) for queue in self._queues]
            self._mine = self._mine or any(adopted)
        read = self._journal.mine if self._mine else self._journal.new
        entries = await read(self._queues, max(FAIR, BATCH // len(self._queues)))
        if not entries:
            self._mine = False
        else:
            await self._record(entries)

    async def _record(self, entries: list[Entry]) -> None:
        rows: list[tuple[Entry, Execution]] = []
        done: defaultdict[str, list[Recorded]] = defaultdict(list)
        for entry in entries:
            try:
                rows.append((entry, executions.unpack(entry.record)))
            except msgspec.MsgspecError:
                size = len(entry.record)
                done[entry.queue].append(Recorded(entry.id, "", "", False, 0, size, bad=True))
        refused = await self._write([row for _, row in rows])
        for entry, row in rows:
            done[entry.queue].append(self._recorded(entry, row, bad=row.id in refused))
        if bad := sum(record.bad for records in done.values() for record in records):
            log.error("records kept in journal:bad", extra={"count": bad})
        await self._lane.calls([self._calls.recorded(q, r, self._bound) for q, r in done.items()])

    def _recorded(self, entry: Entry, row: Execution, *, bad: bool) -> Recorded:
        keep, size = self._keep(row), len(entry.record)
        return Recorded(entry.id, row.job_id, row.id, row.final, keep, size, bad)

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
            own = _spec.decode(row.spec).result_ttl_ms
        except msgspec.MsgspecError:  # a spec that nobody could read is why it is dead
            own = None
        return self._keep_ms if own is None else own

    async def _leave(self) -> None:
        try:
            await self._journal.leave(self._queues)
        except (BrokerUnavailable, BrokerError) as error:
            log.debug("consumer not deleted", extra={"error": str(error)})
