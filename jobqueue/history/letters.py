"""Dead letters: list them, group them, find them.

A letter is open until it is redriven or deleted, and is only ever marked (``claims``): were it
removed, a recorder that repeats its batch could bring it back.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    Uuid,
    any_,
    cast,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncEngine

from jobqueue.domain.letters import Deletion, LetterGroup, Which
from jobqueue.domain.views import DeadLetter
from jobqueue.history.engine import asking, plain_errors
from jobqueue.history.tables import OPEN, dead_letters, operator_log

_letters = dead_letters.c
# Who only reads need not see the spec, which holds redacted arguments as they are.
_shown = [column for column in _letters if column is not _letters.spec]
ANY = Which()


class Place(NamedTuple):
    """Where a letter stands among the others: by the time of failure, then by its id."""

    failed_at: datetime
    execution_id: str


class Extent(msgspec.Struct, frozen=True):
    """How many letters a filter chooses now, and the newest of them.

    What dies later has a later place, so that whoever goes up to this one does not meet
    a job again that died anew.
    """

    count: int
    last: Place | None


async def page(
    engine: AsyncEngine, chosen: Which = ANY, *, before: str | None = None, limit: int = 50
) -> list[DeadLetter]:
    """Return open letters, the job that died last first.

    Args:
        engine: The database.
        chosen: Which of them.
        before: The last execution id of the page before; it may be closed meanwhile.
        limit: Most letters in a page; a shorter page is the last one.

    Raises:
        HistoryUnavailable: PostgreSQL is away.
        HistoryError: PostgreSQL needs too long for it.
        SchemaMismatch: There is no such table.
        ValueError: ``before`` is no execution id of a letter.
    """
    place = None if before is None else await _place(engine, str(UUID(before)))
    return await _fetch(engine, page_of(chosen, place, limit))


def page_of(chosen: Which, before: Place | None, limit: int) -> Select[Any]:
    """Return the statement of :func:`page`."""
    conditions = open_ones(chosen)
    if before is not None:
        conditions.append(_standing < _at(before))
    return _newest_first().where(*conditions).limit(limit)


async def extent(engine: AsyncEngine, chosen: Which) -> Extent:
    """Return how many open letters there are, and the newest; raises like ``page``."""
    conditions = open_ones(chosen)
    found = select(func.count()).select_from(dead_letters).where(*conditions)
    newest = select(_letters.failed_at, _letters.execution_id).where(*conditions)
    newest = newest.order_by(*_LAST_FIRST).limit(1)
    async with asking(engine) as connection:
        # First where it ends: what dies in between is counted, and left alone.
        last = (await connection.execute(newest)).one_or_none()
        count = await connection.scalar(found)
    return Extent(count or 0, None if last is None else Place(*last))


async def ascending(
    engine: AsyncEngine, chosen: Which, after: Place | None, last: Place, limit: int
) -> list[Place]:
    """Return open letters, the oldest first; raises like ``page``.

    Args:
        engine: The database.
        chosen: Which of them.
        after: The last place of the page before.
        last: Go no further than this one.
        limit: Most letters.
    """
    async with asking(engine) as connection:
        found = await connection.execute(ascending_of(chosen, after, last, limit))
        return [Place(*row) for row in found]


def ascending_of(chosen: Which, after: Place | None, last: Place, limit: int) -> Select[Any]:
    """Return the statement of :func:`ascending`."""
    conditions = [*open_ones(chosen), _standing <= _at(last)]
    if after is not None:
        conditions.append(_standing > _at(after))
    places = select(_letters.failed_at, _letters.execution_id).where(*conditions)
    return places.order_by(_letters.failed_at, _letters.execution_id).limit(limit)


_LAST_FIRST = (_letters.failed_at.desc(), _letters.execution_id.desc())
_IDS = ARRAY(Uuid(as_uuid=False))
_standing = tuple_(_letters.failed_at, _letters.execution_id)


def _at(place: Place) -> ColumnElement[Any]:
    moment = literal(place.failed_at, _letters.failed_at.type)
    return tuple_(moment, literal(place.execution_id, _letters.execution_id.type))


async def _place(engine: AsyncEngine, execution_id: str) -> Place:
    found = select(_letters.failed_at, _letters.execution_id)
    async with asking(engine) as connection:
        rows = await connection.execute(found.where(_letters.execution_id == execution_id))
        row = rows.one_or_none()
    if row is None:
        raise ValueError(execution_id)
    return Place(*row)


async def groups(engine: AsyncEngine, chosen: Which, limit: int) -> list[LetterGroup]:
    """Return open letters by error, the most frequent first; raises like ``page``."""
    each = (
        select(
            _letters.error_fingerprint.label("fingerprint"),
            _letters.error_type,
            func.count().label("count"),
            func.array_agg(_letters.name.distinct()).label("names"),
            func.array_agg(_letters.queue.distinct()).label("queues"),
            func.min(_letters.failed_at).label("first"),
            func.max(_letters.failed_at).label("last"),
            func.array_agg(aggregate_order_by(_letters.execution_id, *_LAST_FIRST), type_=_IDS)[
                1
            ].label("letter"),
        )
        .where(*open_ones(chosen))
        .group_by(_letters.error_fingerprint, _letters.error_type)
        .subquery()
    )
    newest = select(each, _letters.error_message.label("example"))
    found = newest.join(dead_letters, _letters.execution_id == each.c.letter)
    most = found.order_by(each.c.count.desc(), each.c.last.desc()).limit(limit)
    async with asking(engine) as connection:
        return [LetterGroup(**row) for row in (await connection.execute(most)).mappings()]


async def by_id(engine: AsyncEngine, execution_ids: Iterable[str]) -> list[DeadLetter]:
    """Return letters by their execution ids, open or not; raises like ``page``.

    Unknown ids, and words that are no ids, are left out.
    """
    return await _fetch(engine, _newest_first().where(named(execution_ids)))


async def of_jobs(
    engine: AsyncEngine, job_ids: Iterable[str], *, closed: bool = False
) -> list[DeadLetter]:
    """Return the open letters of jobs, with ``closed`` the others too; raises like ``page``."""
    # An array is one parameter; a statement takes 65,535.
    found = _newest_first().where(_letters.job_id == any_(cast(list(job_ids), ARRAY(Text))))
    return await _fetch(engine, found if closed else found.where(OPEN))


async def deletion(engine: AsyncEngine, queue: str, job_id: str, run: int) -> Deletion | None:
    """Return who deleted the letter of a run of a job; None where none was; raises like ``page``.

    The row of the operator log may be gone by then: it is not kept for ever.
    """
    log = operator_log.c
    of_run = (_letters.queue == queue) & (_letters.job_id == job_id) & (_letters.run == run)
    found = (
        select(_letters.deleted_at, log.operator, log.reason)
        .outerjoin_from(dead_letters, operator_log, log.id == _letters.closed_by)
        .where(of_run, _letters.deleted_at.is_not(None))
    )
    with plain_errors():
        async with engine.connect() as connection:
            row = (await connection.execute(found.limit(1))).one_or_none()
            return None if row is None else Deletion(*row)


async def with_spec(engine: AsyncEngine, letter: DeadLetter) -> DeadLetter:
    """Return a letter with its spec, which reading leaves out; raises like ``page``."""
    found = select(_letters.spec).where(_letters.execution_id == letter.execution_id)
    with plain_errors():
        async with engine.connect() as connection:
            return replace(letter, spec=await connection.scalar(found))


def open_ones(chosen: Which) -> list[ColumnElement[bool]]:
    """Return the conditions that open letters fulfil which a filter chooses."""
    error = _letters.error_fingerprint if chosen.by_fingerprint else _letters.error_type
    equal = {_letters.queue: chosen.queue, _letters.name: chosen.name, error: chosen.error}
    conditions: list[ColumnElement[bool]] = [OPEN]
    conditions += [column == value for column, value in equal.items() if value is not None]
    if chosen.tag is not None:
        conditions.append(_letters.tags.contains([chosen.tag]))
    if chosen.since is not None:
        conditions.append(_letters.failed_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(_letters.failed_at < chosen.until)
    return conditions


def named(execution_ids: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition that letters of these ids fulfil; words that are no ids are left out."""
    ids = [each for each in execution_ids if _is_id(each)]
    return _letters.execution_id == any_(cast(ids, _IDS))


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _newest_first() -> Select[Any]:
    return select(*_shown).order_by(*_LAST_FIRST)


async def _fetch(engine: AsyncEngine, statement: Select[Any]) -> list[DeadLetter]:
    async with asking(engine) as connection:
        found = await connection.execute(statement)
        return [DeadLetter(**row) for row in found.mappings()]
