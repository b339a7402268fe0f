"""Batches become rows, each record once, whatever happens in between."""
# ruff: noqa: S608 - statements are put together from words of this file

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from jobqueue.domain.errors import ConfigurationError, HistoryUnavailable, SchemaMismatch
from jobqueue.domain.executions import Execution
from jobqueue.domain.fingerprints import fingerprint
from jobqueue.embedded import PostgresServer
from jobqueue.history import engine, migrate
from jobqueue.history.writer import HistoryWriter
from tests.integration.history.conftest import Ask
from tests.integration.history.records import NOON, dead, milliseconds, packed, record, uuid7
from tests.support.waiting import wait_until

COUNT = "SELECT count(*) FROM jobqueue.job_executions"
LETTERS = "SELECT count(*) FROM jobqueue.dead_letters"


async def test_every_field_arrives(writer: HistoryWriter, ask: Ask) -> None:
    """What a record says is what SQL sees, in people's terms."""
    retry = NOON + timedelta(seconds=4)
    spec = packed(b'{"n":1}', metadata=b'{"user":7}', tags=("a", "b"))
    full = record(
        job_id="j", run=1, attempt=2, delivery=3, final=False, outcome="failed", reason="r",
        priority=0, code_version="1.4", spec=spec, result=b"[1,null]", error_type="T",
        error_message="m", traceback="t", retry_ms=milliseconds(retry), crashes=1,
    )  # fmt: skip
    await writer.write([full])
    assert ask("SELECT * FROM jobqueue.v_executions") == [
        (
            "j", 1, 2, 3, "send_email", "default", "critical", "failed", "r", False,
            "T", "m", "t", {"n": 1}, [1, None], {"user": 7}, ["a", "b"],
            NOON - timedelta(milliseconds=50), NOON - timedelta(milliseconds=20), NOON,
            NOON + timedelta(microseconds=1500), retry, 0.02, 0.0015, "worker-1", "1.4", 1,
            UUID(full.id), fingerprint("T", "m", "t"),
        )
    ]  # fmt: skip


async def test_nothing_is_null(writer: HistoryWriter, ask: Ask) -> None:
    """What a record does not have is NULL, not an empty text or a time in 1970."""
    await writer.write([record(started_us=0, worker="", outcome="cancelled", attempt=0)])
    optional = (
        "started_at, retry_at, wait_seconds, run_seconds, reason, worker, code_version, metadata, "
        "tags, result, error_type, error_message, traceback"
    )
    (row,) = ask(f"SELECT {optional} FROM jobqueue.v_executions")
    assert set(row) == {None}


async def test_an_empty_batch(writer: HistoryWriter) -> None:
    """Nothing is nothing."""
    assert await writer.write([]) == []


async def test_repeating_a_batch_changes_nothing(writer: HistoryWriter, ask: Ask) -> None:
    """A recorder that died after its commit is followed by one that writes the same again."""
    batch = [record() for _ in range(20)] + [dead()]
    for repeated in (batch, batch, [*batch, record()]):
        assert await writer.write(repeated) == []
    assert (ask(COUNT), ask(LETTERS)) == ([(22,)], [(1,)])


async def test_a_record_twice_in_a_batch(writer: HistoryWriter, ask: Ask) -> None:
    """The same record twice in one batch is one row."""
    twice = dead()
    await writer.write([twice, record(), twice])
    assert (ask(COUNT), ask(LETTERS)) == ([(2,)], [(1,)])


async def test_two_writers_of_the_same_rows(
    writer: HistoryWriter, history_url: str, ask: Ask
) -> None:
    """Overlapping batches in opposite order neither deadlock nor double a row."""
    batches = [[dead() if n % 5 == 0 else record() for n in range(50)] for _ in range(20)]
    async with HistoryWriter(history_url) as other:
        for batch in batches:
            await asyncio.gather(writer.write(batch), other.write(batch[:9:-1]))
    assert (ask(COUNT), ask(LETTERS)) == ([(1000,)], [(200,)])


async def test_a_dead_letter_holds_all_for_a_redrive(writer: HistoryWriter, ask: Ask) -> None:
    """A final failure is also a dead letter; one that is retried, or a success, is not."""
    letter = dead(priority=1, crashes=2)
    await writer.write([letter, record(), dead(final=False), record(outcome="cancelled")])
    columns = (
        "execution_id::text, job_id, run, queue, name, priority::text, attempts, crashes, spec"
    )
    assert ask(f"SELECT {columns}, arguments, reason FROM jobqueue.dead_letters") == [
        (
            letter.id, letter.job_id, 0, "default", "send_email", "high", 4, 2,
            bytes(letter.spec), {"to": "a@example.com"}, "retries_exhausted",
        )
    ]  # fmt: skip


async def test_the_fingerprint_of_an_error(writer: HistoryWriter, ask: Ask) -> None:
    """Rows of one error share a word, their dead letters too; a row without error has none."""
    errors = [dead(error_message=f"no order {n}", final=n > 0) for n in range(3)]
    await writer.write([*errors, dead(error_message="closed"), record()])
    found = "SELECT error_fingerprint, count(*) FROM jobqueue.{} GROUP BY 1 ORDER BY 2, 1"
    word, other = (fingerprint(each.error_type, each.error_message, each.traceback)
                   for each in (errors[0], dead(error_message="closed")))  # fmt: skip
    rows = ask(found.format("job_executions"))
    assert set(rows) == {(word, 3), (other, 1), (None, 1)}
    assert set(ask(found.format("dead_letters"))) == {(word, 2), (other, 1)}


@pytest.mark.parametrize("mark", ["redriven_at", "deleted_at"])
async def test_a_marked_letter_stays_marked(writer: HistoryWriter, ask: Ask, mark: str) -> None:
    """A recorder that comes late does not open a letter that was redriven or deleted."""
    letter = dead()
    await writer.write([letter])
    ask(f"UPDATE jobqueue.dead_letters SET {mark} = now()")
    await writer.write([letter, record()])
    assert ask(f"SELECT {mark} IS NOT NULL FROM jobqueue.dead_letters") == [(True,)]


@pytest.mark.parametrize("year", [1970, 2019, 2031, 9999])
async def test_a_missing_partition_is_made(writer: HistoryWriter, ask: Ask, year: int) -> None:
    """A record of a month without a partition makes the partition, also beside other months."""
    batch = [record(datetime(year, month, 1, tzinfo=UTC)) for month in (1, 2, 11)]
    await writer.write([*batch, record()])
    assert ask(COUNT) == [(4,)]
    name = f"jobqueue.job_executions_{year}_02"
    assert ask(f"SELECT id::text FROM {name}") == [(batch[1].id,)]


async def test_two_writers_make_the_same_partition(
    writer: HistoryWriter, history_url: str, ask: Ask
) -> None:
    """Both find the partition missing; one makes it, both write."""
    async with HistoryWriter(history_url) as other:
        for year in range(2030, 2040):
            batches = [[record(datetime(year, 5, 5, tzinfo=UTC))] for _ in range(2)]
            await asyncio.gather(writer.write(batches[0]), other.write(batches[1]))
    assert ask(COUNT) == [(20,)]


BAD = {
    "NUL in a traceback": record(outcome="failed", traceback="a\x00b"),
    "lone surrogate": record(outcome="failed", error_message="a\ud800b"),
    "NUL in a name": record(outcome="failed", name="a\x00b"),
    "escaped NUL in arguments": record(outcome="failed", spec=packed(b'{"a":"\\u0000"}')),
    "escaped surrogate in a result": record(outcome="failed", result=b'"\\ud800"'),
    "arguments that are no JSON": record(outcome="failed", spec=packed(b"{")),
    "bytes that are no text": record(outcome="failed", result=b'"\xff"'),
    "deep result": record(outcome="failed", result=b"[" * 100_000 + b"]" * 100_000),
    "spec that is none": record(outcome="failed", spec=msgspec.Raw(b"\x93\x01\x02\x03")),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_a_bad_record_becomes_a_stub(writer: HistoryWriter, ask: Ask, bad: Execution) -> None:
    """What PostgreSQL refuses keeps its outcome and stops nothing; the caller gets it back."""
    batch = [record() for _ in range(37)]
    batch.insert(23, bad)
    refused = await writer.write(batch)
    assert [each.execution for each in refused] == [bad]
    assert ask(COUNT) == [(38,)]
    query = "SELECT outcome, arguments->>'jobqueue' = error_message FROM jobqueue.job_executions"
    assert ask(f"{query} WHERE error_message LIKE 'not stored: %'") == [("failed", True)]
    assert ask(LETTERS) == [(1,)]


async def test_a_stub_keeps_the_spec_for_a_redrive(writer: HistoryWriter, ask: Ask) -> None:
    """The dead letter of a bad record can still be run as it was meant."""
    bad = dead(spec=packed(b'{"a":"\\u0000"}'))
    await writer.write([bad])
    assert ask("SELECT spec FROM jobqueue.dead_letters") == [(bytes(bad.spec),)]


async def test_repeating_a_stub_changes_nothing(writer: HistoryWriter, ask: Ask) -> None:
    """A bad record that comes again is refused again, and its stub is there already."""
    batch = [record(), dead(traceback="\x00")]
    await writer.write(batch)
    assert len(await writer.write(batch)) == 1
    assert (ask(COUNT), ask(LETTERS)) == ([(2,)], [(1,)])


@pytest.mark.parametrize("key", ["", "job", "ffffffff-ffff-7000-8000-000000000000"])
async def test_a_record_without_a_usable_id(writer: HistoryWriter, ask: Ask, key: str) -> None:
    """Without an id there can be no row: the caller is told, and the others are written."""
    [refused] = await writer.write([record(), record(id=key), record()])
    assert refused.execution.id == key
    assert ask(COUNT) == [(2,)]


async def test_many_bad_records(writer: HistoryWriter, ask: Ask) -> None:
    """Every bad record is found, also in a batch of nothing else."""
    assert len(await writer.write([record(result=b"\x00") for _ in range(30)])) == 30
    assert ask(COUNT) == [(30,)]


async def test_a_lost_connection(writer: HistoryWriter, ask: Ask) -> None:
    """A connection that was cut is an error once; the next batch opens another."""
    await writer.write([record()])
    ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    batch = [record()]
    with pytest.raises(HistoryUnavailable):
        await writer.write(batch)
    await writer.write(batch)
    assert ask(COUNT) == [(2,)]


async def test_killed_in_the_middle(breakable_postgres: PostgresServer) -> None:
    """PostgreSQL dies while batches are written: repeating them leaves each row once."""
    with engine.connect_sync(breakable_postgres.url, "test") as connection:
        # Our fast servers lose commits of the last moments when they are killed.
        connection.execute("ALTER DATABASE postgres SET synchronous_commit = on")
    migrate.upgrade(breakable_postgres.url)
    batches = [[dead() if n % 7 == 0 else record() for n in range(100)] for _ in range(500)]
    done: list[int] = []
    async with HistoryWriter(breakable_postgres.url) as writer:
        rest = asyncio.create_task(_write_all(writer, batches, done))
        await wait_until(lambda: len(done) > 20, description="some batches are written")
        await asyncio.to_thread(breakable_postgres.kill)
        with pytest.raises(HistoryUnavailable):
            await rest
        breakable_postgres.start()
        with engine.connect_sync(breakable_postgres.url, "test") as connection:
            # The batch that was under way when the server died is there or not, but whole.
            (left,) = connection.execute(COUNT).fetchone() or (0,)
            assert left in (len(done) * 100, len(done) * 100 + 100)
        await _write_all(writer, batches[: len(done) + 10], done := [])
    with engine.connect_sync(breakable_postgres.url, "test") as connection:
        assert connection.execute(COUNT).fetchone() == (len(done) * 100,)
        assert connection.execute(LETTERS).fetchone() == (len(done) * 15,)


async def _write_all(
    writer: HistoryWriter, batches: list[list[Execution]], done: list[int]
) -> None:
    for batch in batches:
        await writer.write(batch)
        done.append(len(batch))


async def test_cancelled_in_the_middle(writer: HistoryWriter, ask: Ask) -> None:
    """A write that is cancelled at any point leaves all of its batch or nothing."""
    sizes = set()
    for steps in range(0, 60, 3):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(writer.write([record() for _ in range(100)]))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
        sizes.add(ask(COUNT)[0][0] % 100)
    assert sizes == {0}
    await writer.write([record()])
    assert ask(COUNT)[0][0] % 100 == 1


async def test_no_server() -> None:
    """Without a server the error says so."""
    async with HistoryWriter("postgresql://nobody@127.0.0.1:1/none") as writer:
        with pytest.raises(HistoryUnavailable, match="refused"):
            await writer.write([record()])


async def test_a_read_only_server(writer: HistoryWriter, ask: Ask) -> None:
    """A standby after a failover is no reason to stop, but to wait."""
    (database,) = ask("SELECT current_database()")[0]
    ask(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
    with pytest.raises(HistoryUnavailable, match="read-only"):
        await writer.write([record()])


def test_a_wrong_url() -> None:
    """An address of something else is refused before anything is read."""
    with pytest.raises(ConfigurationError, match="database_url: scheme 'mysql' is unknown"):
        HistoryWriter("mysql://root:secret@host/db")


async def test_a_missing_schema(postgres_url: str) -> None:
    """Without tables the recorder stops with one line that says what to run."""
    async with HistoryWriter(postgres_url) as writer:
        with pytest.raises(SchemaMismatch, match=r"missing.*run `jobqueue db upgrade`"):
            await writer.write([record()])


async def test_a_newer_schema(writer: HistoryWriter, ask: Ask) -> None:
    """A schema of a newer package that has left ours behind is not written to."""
    ask("UPDATE jobqueue.alembic_version SET version_num = '9999'")
    ask("COMMENT ON TABLE jobqueue.alembic_version IS 'oldest code: 9999'")
    with pytest.raises(SchemaMismatch, match="upgrade the package"):
        await writer.write([record()])


async def test_a_schema_that_lost_a_column(writer: HistoryWriter, ask: Ask) -> None:
    """Also a schema that only claims to be right stops the recorder."""
    ask("ALTER TABLE jobqueue.job_executions DROP COLUMN crashes CASCADE")
    with pytest.raises(SchemaMismatch, match="crashes"):
        await writer.write([record()])


async def test_delivery_is_unique_for_a_job_and_run(writer: HistoryWriter, ask: Ask) -> None:
    """The same id, minted once for each delivery, is what makes (job, run, delivery) unique."""
    key = uuid7()
    first = record(id=key, job_id="j", delivery=1)
    again = record(id=key, job_id="j", delivery=1, outcome="lost")
    await writer.write([first])
    await writer.write([again])
    assert ask("SELECT outcome FROM jobqueue.job_executions") == [("succeeded",)]
