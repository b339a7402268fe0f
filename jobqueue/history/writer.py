"""The recorder's hand in PostgreSQL: write batches of executions, each row once.

The package docstring says why a batch is a plain ``COPY`` and what happens when a step dies. A
writer has one connection, opened when it is needed and again after each error, and writes one
batch at a time; a second stream of batches takes a second writer.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self
from uuid import UUID

import msgspec
from psycopg import AsyncConnection, DataError
from psycopg.errors import (
    CheckViolation,
    ProgramLimitExceeded,
    StatementTooComplex,
    UniqueViolation,
)

from jobqueue.domain.errors import HistoryUnavailable
from jobqueue.domain.executions import Execution
from jobqueue.history import engine, partitions, rollups, rows, schema

# SQLSTATE classes 22 and 54, and what does not even get to PostgreSQL.
REFUSALS = (*rows.UNFIT, DataError, ProgramLimitExceeded, StatementTooComplex)

# A missing partition and a repeated row take one try each; more only when others interfere.
TRIES = 5

_KNOWN = "SELECT id FROM jobqueue.job_executions WHERE id = ANY(%s::uuid[])"

# Reads the rows that this transaction wrote. LIMIT keeps the planner from joining whole
# partitions before they are analysed: one look into the index for each letter.
_BURY = """
    INSERT INTO jobqueue.dead_letters (
        execution_id, enqueued_at, failed_at, run, attempts, crashes, priority, job_id, queue,
        name, outcome, reason, arguments, metadata, tags, error_type, error_message, traceback,
        error_fingerprint, spec
    )
    SELECT
        row.id, enqueued_at, finished_at, run, attempt, crashes, priority, job_id, queue,
        name, outcome, reason, arguments, metadata, tags, error_type, error_message, traceback,
        error_fingerprint, letter.spec
    FROM unnest(%s::uuid[], %s::bytea[]) AS letter (id, spec)
    CROSS JOIN LATERAL (
        SELECT * FROM jobqueue.job_executions AS known WHERE known.id = letter.id LIMIT 1
    ) AS row
    ON CONFLICT DO NOTHING
"""


class Refused(msgspec.Struct, frozen=True):
    """A record that PostgreSQL would not take.

    Args:
        execution: The record as it came; keep its raw form.
        problem: Why it was refused.
    """

    execution: Execution
    problem: str


class HistoryWriter:
    """Writes executions. Close it, or use it as a context manager.

    Args:
        url: The database.

    Raises:
        ConfigurationError: The URL is wrong.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: AsyncConnection[Any] | None = None
        self._busy = asyncio.Lock()
        engine.conninfo(url, "recorder")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; the next batch would open another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def write(self, executions: Sequence[Execution]) -> list[Refused]:
        """Write a batch; each record leaves one row, however often it is written.

        A batch is one transaction, unless PostgreSQL refuses some of its data. After an error
        repeat the whole batch.

        Args:
            executions: In any order; batches around 1,000 are fastest.

        Returns:
            The records that PostgreSQL refused; where it can, a row with the outcome but
            without the data stands for each.

        Raises:
            HistoryUnavailable: PostgreSQL is away; nothing, or all of it, is written.
            SchemaMismatch: The schema is not the one this version needs.
            ConfigurationError: The server is too old.
        """
        refused: list[Refused] = []
        async with self._busy:
            try:
                with engine.plain_errors():
                    await self._write(_in_order(executions), refused)
            except BaseException:
                # Cancelled or failed in the middle of something: start afresh.
                await self.close()
                raise
        return refused

    async def _write(self, batch: list[Execution], refused: list[Refused]) -> None:
        """Write a batch in halves of halves, if need be, until only the bad record is left out."""
        if not batch:
            return
        try:
            await self._insert(batch)
        except REFUSALS as error:
            if len(batch) == 1:
                refused.append(await self._write_stub(batch[0], error))
                return
            middle = len(batch) // 2
            await self._write(batch[:middle], refused)
            await self._write(batch[middle:], refused)

    async def _write_stub(self, record: Execution, error: Exception) -> Refused:
        problem = str(error).partition("\n")[0]
        specs = {record.id: bytes(record.spec)}  # a redrive still gets the real one
        # Without a usable id there can be no row at all; the caller keeps the raw record.
        with contextlib.suppress(*REFUSALS):
            await self._insert([rows.stub(record, problem)], specs)
        return Refused(record, problem)

    async def _insert(
        self, batch: list[Execution], specs: Mapping[str, bytes] = MappingProxyType({})
    ) -> None:
        """Write the rows that are not there yet, in one transaction."""
        connection = await self._open()
        for _ in range(TRIES):
            try:
                await _copy(connection, batch, specs)
            except CheckViolation:
                months = {partitions.month_of_id(record.id) for record in batch}
                await partitions.make(connection, months)
            except UniqueViolation:
                batch = await _unknown(connection, batch)
            else:
                return
        raise HistoryUnavailable(f"PostgreSQL: no partition takes these rows in {TRIES} tries")

    async def _open(self) -> AsyncConnection[Any]:
        if self._connection is None:
            self._connection = await engine.connect(self._url, "recorder")
            await schema.check(self._connection)
        return self._connection


def _in_order(executions: Sequence[Execution]) -> list[Execution]:
    """Return each record once, by id: two writers of the same rows can't deadlock."""
    unique = {record.id: record for record in executions}
    return [unique[key] for key in sorted(unique)]


async def _copy(
    connection: AsyncConnection[Any], batch: list[Execution], specs: Mapping[str, bytes]
) -> None:
    encoded = list(map(rows.encode, batch))
    letters = {record.id: specs.get(record.id, record.spec) for record in batch if record.dead}
    async with connection.transaction(), connection.cursor() as cursor:
        async with cursor.copy(rows.COPY) as copy:
            copy.set_types(rows.TYPES)
            for row in encoded:
                await copy.write_row(row)
        late = rollups.hours(record.finished_us for record in batch)
        await cursor.execute(rollups.MARK, (late,))
        if letters:
            ids, packed = list(letters), [bytes(spec) for spec in letters.values()]
            await cursor.execute(_BURY, (ids, packed))


async def _unknown(connection: AsyncConnection[Any], batch: list[Execution]) -> list[Execution]:
    """Return the records that have no row yet."""
    cursor = await connection.execute(_KNOWN, ([record.id for record in batch],))
    known = {key async for (key,) in cursor}
    return [record for record in batch if UUID(record.id) not in known]
