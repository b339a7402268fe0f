"""Dead letters: list them, find them, put them back.

A letter is open until it is redriven or deleted, and is only ever marked: were it removed, a
recorder that repeats its batch could bring it back.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from jobqueue.domain.views import DeadLetter
from jobqueue.history.engine import plain_errors
from jobqueue.history.tables import OPEN, dead_letters

_letters = dead_letters.c
# Who only reads need not see the spec, which holds redacted arguments as they are.
_shown = [column for column in _letters if column is not _letters.spec]


class Claim:
    """Open letters that nobody else can redrive meanwhile.

    Args:
        letters: What was claimed.
    """

    def __init__(self, letters: list[DeadLetter]) -> None:
        self.letters = letters
        self.redriven: set[str] = set()

    def done(self, letter: DeadLetter) -> None:
        """Say that this job is back on its queue; its letter is marked when the claim ends."""
        self.redriven.add(letter.execution_id)


async def page(
    engine: AsyncEngine,
    *,
    name: str | None = None,
    queue: str | None = None,
    job_id: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[DeadLetter]:
    """Return open letters, the job that was handed out last first.

    Args:
        engine: The database.
        name: Only jobs of this name.
        queue: Only jobs of this queue.
        job_id: Only this job.
        before: The last execution id of the page before.
        limit: Most letters in a page; a shorter page is the last one.

    Raises:
        HistoryUnavailable: PostgreSQL is away.
        SchemaMismatch: There is no such table.
        ValueError: ``before`` is no execution id.
    """
    equal = {_letters.name: name, _letters.queue: queue, _letters.job_id: job_id}
    chosen: list[ColumnElement[bool]] = [OPEN]
    chosen += [column == value for column, value in equal.items() if value is not None]
    if before is not None:
        chosen.append(_letters.execution_id < str(UUID(before)))
    return await _fetch(engine, _newest_first(_shown).where(*chosen).limit(limit))


async def by_id(engine: AsyncEngine, execution_ids: Iterable[str]) -> list[DeadLetter]:
    """Return letters by their execution ids, open or not; raises like ``page``.

    Unknown ids, and words that are no ids, are left out.
    """
    return await _fetch(engine, _newest_first(_shown).where(_named(execution_ids)))


@asynccontextmanager
async def claim(engine: AsyncEngine, execution_ids: Iterable[str]) -> AsyncIterator[Claim]:
    """Hold open letters while their jobs are put back; raises like ``page``.

    Letters that were redriven or deleted, or never existed, are not in the claim. Another
    claim of the same letters waits. At the end, also after an error, the letters that were
    ``done`` are marked. Dying before that leaves them open although their jobs are back: the
    broker's ``redrive`` of the same letter then makes no second job, and the letter is marked.

    Example:
        >>> async with letters.claim(engine, ids) as claim:
        ...     for letter in claim.letters:
        ...         if await broker.redrive(letter):
        ...             claim.done(letter)
    """
    chosen = _newest_first(_letters).where(_named(execution_ids), OPEN)
    with plain_errors():
        async with engine.connect() as connection:
            found = await connection.execute(chosen.with_for_update())
            held = Claim([DeadLetter(**row) for row in found.mappings()])
            try:
                yield held
            finally:
                marked = update(dead_letters).where(_named(held.redriven))
                await connection.execute(marked.values(redriven_at=func.now()))
                await connection.commit()


def _named(execution_ids: Iterable[str]) -> ColumnElement[bool]:
    return _letters.execution_id.in_([each for each in execution_ids if _is_id(each)])


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _newest_first(columns: Iterable[Any]) -> Select[Any]:
    return select(*columns).order_by(_letters.execution_id.desc())


async def _fetch(engine: AsyncEngine, statement: Select[Any]) -> list[DeadLetter]:
    with plain_errors():
        async with engine.connect() as connection:
            found = await connection.execute(statement)
            return [DeadLetter(**row) for row in found.mappings()]
