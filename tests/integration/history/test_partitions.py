"""Months of ids: made in time, dropped when they are past, never in anybody's way."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from jobqueue.domain.errors import HistoryUnavailable, SchemaMismatch
from jobqueue.history import engine, partitions
from jobqueue.history.writer import HistoryWriter
from tests.integration.history.conftest import Ask
from tests.integration.history.records import NOON, record, uuid7

WEEK = timedelta(days=7)


def month(year: int, number: int) -> datetime:
    """Return the first moment of a month."""
    return datetime(year, number, 1, tzinfo=UTC)


def test_months_follow_each_other() -> None:
    """December is followed by January, and a step may cross years."""
    assert partitions.following(month(2026, 12)) == month(2027, 1)
    assert partitions.following(month(2026, 11), 26) == month(2029, 1)


def test_a_month_is_one_of_utc() -> None:
    """The last hours of a month east of Greenwich belong to the month before."""
    east = timezone(timedelta(hours=5, minutes=45))
    assert partitions.month_of(datetime(2026, 12, 1, 5, tzinfo=east)) == month(2026, 11)


def test_ids_fall_into_their_month() -> None:
    """The first id of a month is not below its bound, the last of the month before is."""
    start = month(2027, 1)
    bound = partitions.lowest_id(start)
    assert UUID(uuid7(start - timedelta(milliseconds=1), 2**60)) < bound < UUID(uuid7(start, 0))
    assert partitions.month_of_id(uuid7(start - timedelta(milliseconds=1))) == month(2026, 12)
    assert partitions.month_of_id(uuid7(start)) == start


@pytest.mark.parametrize("text", ["", "job", "ffffffff-ffff-7000-8000-000000000000"])
def test_an_id_without_a_month(text: str) -> None:
    """An id that names no month of ours is refused."""
    with pytest.raises(ValueError, match=r".+"):
        partitions.month_of_id(text)


async def test_partitions_are_made_ahead(connection: AsyncConnection[Any]) -> None:
    """The asked month and the next two, over the turn of a year; a second call has no work."""
    now = datetime(2029, 11, 22, tzinfo=UTC)
    expected = [f"job_executions_{each}" for each in ("2029_11", "2029_12", "2030_01")]
    assert await partitions.ensure(connection, now=now) == expected
    assert await partitions.ensure(connection, now=now) == []
    assert set(expected) < set(await partitions.names(connection))


async def test_the_servers_clock_counts(connection: AsyncConnection[Any], ask: Ask) -> None:
    """Without a moment PostgreSQL's own clock says which months are needed."""
    await partitions.ensure(connection, ahead=4)
    fourth = ask("SELECT to_char((now() AT TIME ZONE 'UTC') + '4 months'::interval, 'YYYY_MM')")
    assert (await partitions.names(connection))[-1] == f"job_executions_{fourth[0][0]}"


async def test_a_new_partition_is_like_the_first(
    connection: AsyncConnection[Any], ask: Ask
) -> None:
    """Columns, key and indexes of a partition made later are those of the migration."""
    await partitions.ensure(connection, now=month(2031, 1), ahead=0)
    first = (await partitions.names(connection))[0]
    indexes = (
        "SELECT replace(indexdef, tablename, '') FROM pg_indexes WHERE tablename = %s ORDER BY 1"
    )
    assert ask(indexes, "job_executions_2031_01") == ask(indexes, first)
    columns = """
        SELECT column_name, data_type, is_nullable FROM information_schema.columns
        WHERE table_name = %s ORDER BY ordinal_position
    """
    assert ask(columns, "job_executions_2031_01") == ask(columns, first)


async def test_two_make_the_same_partitions(
    connection: AsyncConnection[Any], history_url: str
) -> None:
    """Of two schedulers one makes a partition and the other finds it made."""
    async with await engine.connect(history_url, "scheduler") as other:
        for year in range(2030, 2040):
            made = await asyncio.gather(
                partitions.ensure(connection, now=month(year, 6), ahead=1),
                partitions.ensure(other, now=month(year, 6), ahead=1),
            )
            assert sorted(map(len, made)) == [0, 2]


async def test_making_waits_for_nobody(connection: AsyncConnection[Any], history_url: str) -> None:
    """A recorder in the middle of a batch and a long query do not hold up a new partition."""
    async with await engine.connect(history_url, "recorder") as other, other.transaction():
        await other.execute("LOCK TABLE jobqueue.job_executions IN ROW EXCLUSIVE MODE")
        assert await partitions.ensure(connection, now=month(2040, 1), ahead=0)


async def test_making_gives_up(
    connection: AsyncConnection[Any], history_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind somebody who holds the whole table, upkeep gives up and says so."""
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "50ms")
    async with await engine.connect(history_url, "admin") as other, other.transaction():
        await other.execute("LOCK TABLE jobqueue.job_executions")
        with pytest.raises(HistoryUnavailable, match="lock timeout"):
            await partitions.ensure(connection, now=month(2040, 1), ahead=0)
    assert await partitions.ensure(connection, now=month(2040, 1), ahead=0)


async def test_no_table(postgres_url: str) -> None:
    """Without the schema there is nothing to partition."""
    async with await engine.connect(postgres_url, "scheduler") as connection:
        with pytest.raises(SchemaMismatch, match="run `jobqueue db upgrade`"):
            await partitions.ensure(connection)


async def test_what_is_past_is_dropped(
    connection: AsyncConnection[Any], writer: HistoryWriter, ask: Ask
) -> None:
    """A partition goes when its newest row is older than the retention, not before."""
    await writer.write([record(month(2026, number)) for number in (7, 8, 9)])
    late = month(2026, 9)
    assert await partitions.drop_expired(connection, 40 * WEEK, now=late) == []
    assert await partitions.drop_expired(connection, WEEK, now=late) == ["job_executions_2026_07"]
    assert await partitions.drop_expired(connection, WEEK, now=late) == []
    assert ask("SELECT count(*) FROM jobqueue.job_executions") == [(2,)]


async def test_a_late_end_keeps_its_partition(
    connection: AsyncConnection[Any], writer: HistoryWriter
) -> None:
    """A job of July that ended in September is kept as long as one that began then."""
    long_run = record(month(2026, 7), finished_us=int(month(2026, 9).timestamp()) * 1_000_000)
    await writer.write([long_run, record(month(2026, 7))])
    assert await partitions.drop_expired(connection, WEEK, now=month(2026, 9)) == []
    later = month(2026, 9) + timedelta(days=8)
    dropped = await partitions.drop_expired(connection, WEEK, now=later)
    assert dropped == ["job_executions_2026_07"]


async def test_coming_months_are_kept(connection: AsyncConnection[Any]) -> None:
    """A partition without rows whose month has not passed is not past."""
    before = await partitions.names(connection)
    assert await partitions.drop_expired(connection, timedelta(0)) == []
    assert await partitions.names(connection) == before


async def test_foreign_partitions_are_kept(connection: AsyncConnection[Any], ask: Ask) -> None:
    """A partition that somebody else made, under another name, is left alone."""
    bounds = [str(partitions.lowest_id(month(2020, number))) for number in (1, 2)]
    create = "CREATE TABLE jobqueue.archive PARTITION OF jobqueue.job_executions FOR VALUES "
    ask(create + f"FROM ('{bounds[0]}') TO ('{bounds[1]}')")
    assert await partitions.drop_expired(connection, timedelta(0)) == []


async def test_dropping_gives_up(
    connection: AsyncConnection[Any],
    writer: HistoryWriter,
    history_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A long query over the history is not cut off; the partition goes at the next upkeep."""
    await writer.write([record(month(2026, 7))])
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "50ms")
    async with await engine.connect(history_url, "report") as other, other.transaction():
        await other.execute("SELECT count(*) FROM jobqueue.job_executions")
        with pytest.raises(HistoryUnavailable, match="lock timeout"):
            await partitions.drop_expired(connection, WEEK, now=NOON)
    assert await partitions.drop_expired(connection, WEEK, now=NOON) == ["job_executions_2026_07"]
