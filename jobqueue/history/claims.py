"""Dead letters that are put back or deleted: held while it is done, and marked after it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from msgspec.structs import replace
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from jobqueue.domain.letters import Which
from jobqueue.domain.operations import Operation
from jobqueue.domain.views import DeadLetter
from jobqueue.history import operations
from jobqueue.history.engine import plain_errors
from jobqueue.history.letters import named, open_ones
from jobqueue.history.tables import OPEN, dead_letters, job_executions

_letters = dead_letters.c


class Claim:
    """Open letters that nobody else can redrive meanwhile.

    Args:
        letters: What was claimed, the oldest first.
        done_before: Execution ids of those whose next run the history knows already.
    """

    def __init__(self, letters: list[DeadLetter], done_before: set[str]) -> None:
        self.letters = letters
        self.done_before = done_before
        self.redriven: set[str] = set(done_before)

    def done(self, letter: DeadLetter) -> None:
        """Say that this job is back on its queue; its letter is marked when the claim ends."""
        self.redriven.add(letter.execution_id)


@asynccontextmanager
async def claim(
    engine: AsyncEngine, execution_ids: Iterable[str], closed_by: str | None = None
) -> AsyncIterator[Claim]:
    """Hold open letters while their jobs are put back; raises like ``letters.page``.

    Letters that were redriven or deleted, or never existed, are not in the claim. Another
    claim of the same letters waits. At the end, also after an error, the letters that were
    ``done`` are marked. Dying before that leaves them open although their jobs are back. The
    broker's ``redrive`` of the same letter then makes no second job while it remembers the
    first one; later the history knows the new run, and ``done_before`` says so.

    Args:
        engine: The database.
        execution_ids: The letters.
        closed_by: The row of the operator log that says who does it.

    Example:
        >>> async with claims.claim(engine, ids) as claim:
        ...     for letter in claim.letters:
        ...         if await broker.redrive(letter):
        ...             claim.done(letter)
    """
    chosen = select(*_letters).where(named(execution_ids), OPEN).order_by(_letters.execution_id)
    with plain_errors():
        async with engine.connect() as connection:
            found = await connection.execute(chosen.with_for_update())
            letters = [DeadLetter(**row) for row in found.mappings()]
            held = Claim(letters, await _run_again(connection, letters))
            try:
                yield held
            finally:
                marked = update(dead_letters).where(named(held.redriven))
                values = {"redriven_at": func.now(), "closed_by": closed_by}
                await connection.execute(marked.values(values))
                await connection.commit()


async def _run_again(connection: AsyncConnection, letters: list[DeadLetter]) -> set[str]:
    """Return the execution ids of letters of whose job a later run has ended."""
    rows = job_executions.c
    wanted = rows.job_id.in_([each.job_id for each in letters]) & rows.final & (rows.run > 0)
    found = await connection.execute(
        select(rows.queue, rows.job_id, func.max(rows.run))
        .where(wanted)
        .group_by(rows.queue, rows.job_id)
    )
    newest = {(queue, job_id): run for queue, job_id, run in found}
    return {
        letter.execution_id
        for letter in letters
        if newest.get((letter.queue, letter.job_id), 0) > letter.run
    }


async def delete(
    engine: AsyncEngine, execution_ids: Iterable[str], operation: Operation
) -> set[str]:
    """Delete open letters, with a row in the operator log; raises like ``letters.page``.

    Returns:
        The execution ids of those that are gone by this call; where there is none, nothing
        was logged.
    """
    return await _delete(engine, [named(execution_ids), OPEN], operation)


async def clear(engine: AsyncEngine, chosen: Which, operation: Operation) -> int:
    """Delete all open letters of a filter, as ``delete`` does; return how many."""
    return len(await _delete(engine, open_ones(chosen), operation))


async def _delete(
    engine: AsyncEngine, conditions: list[ColumnElement[bool]], operation: Operation
) -> set[str]:
    with plain_errors():
        async with engine.begin() as connection:
            key = operations.new_id()
            marked = update(dead_letters).where(*conditions)
            gone = await connection.scalars(
                marked.values(deleted_at=func.now(), closed_by=key).returning(_letters.execution_id)
            )
            ids = set(gone)
            if ids:
                counted = replace(operation, details={**operation.details, "letters": len(ids)})
                await operations.log_with(connection, counted, key)
            return ids
