"""What the history answers about jobs."""

from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from jobqueue.cli import jobs
from jobqueue.domain.errors import HistoryUnavailable, SchemaMismatch
from jobqueue.domain.jobs import Priority, State
from jobqueue.domain.listing import Chosen
from jobqueue.history import engine, queries
from jobqueue.history.writer import HistoryWriter
from tests.integration.history.conftest import Ask
from tests.integration.history.records import NOON, dead, record, uuid7

ANY = Chosen()


@pytest.fixture
async def history(history_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine as the client has it."""
    history = engine.create(history_url, "client")
    yield history
    await history.dispose()


async def test_executions_of_a_job(writer: HistoryWriter, history: AsyncEngine) -> None:
    """All rows of a job come in the order of its deliveries, over runs and partitions."""
    rows = [
        record(NOON + timedelta(days=40), job_id="j", run=1, delivery=1),
        dead(job_id="j", delivery=10),
        dead(job_id="j", delivery=9, final=False),
    ]
    await writer.write([*rows, record()])
    found = await queries.executions(history, "j")
    assert [(row.run, row.delivery) for row in found] == [(0, 9), (0, 10), (1, 1)]


async def test_a_row(writer: HistoryWriter, history: AsyncEngine) -> None:
    """A row is decoded: priority, JSON, aware times, durations, and nothing for nothing."""
    written = record(job_id="j", priority=0, result=b'{"ok":true}')
    await writer.write([written])
    (row,) = await queries.executions(history, "j")
    assert (row.id, row.priority, row.result) == (written.id, Priority.CRITICAL, {"ok": True})
    assert (row.started_at, row.wait_seconds, row.run_seconds) == (NOON, 0.02, 0.0015)
    assert (row.tags, row.error_type, row.reason, row.retry_at) == (None, None, None, None)


async def test_a_row_for_programs(
    writer: HistoryWriter, history: AsyncEngine, history_url: str
) -> None:
    """``jobs show --json`` has the columns of ``v_executions``, with its durations and key."""
    written = record(job_id="j", priority=0)
    await writer.write([written])
    (row,) = await queries.executions(history, "j")
    shown = jobs.row_for_programs(row)
    with psycopg.connect(history_url) as connection:
        cursor = connection.execute("SELECT * FROM jobqueue.v_executions")
        assert cursor.description
        assert set(shown) == {column.name for column in cursor.description}
    assert (shown["execution_id"], shown["priority"]) == (written.id, "critical")
    assert (shown["wait_seconds"], shown["run_seconds"]) == (0.02, 0.0015)


async def test_a_row_without_a_run(writer: HistoryWriter, history: AsyncEngine) -> None:
    """A job that never started has neither waited nor run for any time."""
    await writer.write([record(job_id="j", outcome="expired", started_us=0, attempt=0)])
    (row,) = await queries.executions(history, "j")
    assert (row.wait_seconds, row.run_seconds, row.attempt) == (None, None, 0)


async def test_a_job_of_two_queues(writer: HistoryWriter, history: AsyncEngine) -> None:
    """Ids belong to a queue; the queue chooses between two jobs of one id."""
    await writer.write([record(job_id="j", queue="a"), dead(job_id="j", queue="b")])
    assert len(await queries.executions(history, "j")) == 2
    (row,) = await queries.executions(history, "j", queue="a")
    assert row.queue == "a"
    final = await queries.final_outcome(history, "j", queue="b")
    assert final is not None
    assert final.outcome == "failed"


async def test_final_outcome(writer: HistoryWriter, history: AsyncEngine) -> None:
    """The latest run that has ended counts, not an attempt that was retried."""
    await writer.write(
        [
            dead(job_id="j", run=0),
            record(job_id="j", run=1),
            dead(job_id="j", run=2, final=False),
        ]
    )
    final = await queries.final_outcome(history, "j")
    assert final is not None
    assert (final.run, final.outcome) == (1, "succeeded")


async def test_an_unknown_job(writer: HistoryWriter, history: AsyncEngine) -> None:
    """Nothing is known of a job that is not there, and no end of one that has not ended."""
    await writer.write([dead(job_id="j", final=False)])
    assert await queries.executions(history, "x") == []
    assert await queries.final_outcome(history, "j") is None


async def test_a_lookup_uses_the_index(writer: HistoryWriter, ask: Ask) -> None:
    """Looking a job up reads no whole partition, although nobody has analysed the table."""
    await writer.write([record() for _ in range(3000)])
    plan = ask("EXPLAIN SELECT * FROM jobqueue.v_executions WHERE job_id = 'j'")
    assert "_2026_11_job_id_idx" in str(plan)


async def test_ended_jobs(writer: HistoryWriter, history: AsyncEngine) -> None:
    """The latest first, page by page also within one moment; each job as its latest run left it."""
    rows = [record(NOON + timedelta(seconds=n // 3), job_id=f"j{n}") for n in range(9)]
    died = dead(job_id="again", run=0)
    await writer.write([*rows, died, record(NOON, job_id="again", run=1), dead(final=False)])
    found, after = list[str](), list[str]()
    while page := await queries.ended(history, ANY, after, 2):
        found += [row.job_id for row in page]
        after = [page[-1].finished_at.isoformat(), page[-1].id]
    ids = {row.job_id: row.id for row in rows} | {"again": ""}
    assert len(found) == len(set(found)) == 10
    assert [ids[each] for each in found[:6]] == sorted(list(ids.values())[3:9], reverse=True)


async def test_ended_jobs_use_an_index(
    writer: HistoryWriter, history: AsyncEngine, ask: Ask
) -> None:
    """A later page reads no more than its rows, although nobody has analysed the table."""
    await writer.write([record(NOON + timedelta(seconds=n)) for n in range(3000)])
    after = [(NOON + timedelta(seconds=1500)).isoformat(), uuid7()]
    for which in (ANY, Chosen(name="send_email"), Chosen(states=frozenset({State.DEAD}))):
        page = queries.page_of(which, after, 50)
        text = page.compile(dialect=history.dialect, compile_kwargs={"literal_binds": True})
        plan = str(ask(f"EXPLAIN {text}".replace("%%", "%")))
        assert "Limit" in plan
        assert "Seq Scan on job_executions_2026_11" not in plan


async def test_job_stats(writer: HistoryWriter, ask: Ask) -> None:
    """Runs, failures and percentiles by name and hour; what never ran is not counted."""
    started = int(NOON.timestamp()) * 1_000_000
    await writer.write(
        [
            *(record(finished_us=started + 1_000_000 * n) for n in range(1, 100)),
            dead(finished_us=started + 100_000_000),
            record(outcome="expired", started_us=0),
            record(name="other"),
            record(NOON + timedelta(hours=1)),
        ]
    )
    statement = """
        SELECT name, hour, runs, failures, wait_p50_seconds, wait_p99_seconds,
        run_p50_seconds, run_p95_seconds, run_p99_seconds FROM jobqueue.v_job_stats ORDER BY 1, 2
    """
    first, *rest = ask(statement + " DESC")
    assert (first[0], [row[:4] for row in rest]) == (
        "other",
        [
            ("send_email", NOON + timedelta(hours=1), 1, 0),
            ("send_email", NOON, 100, 1),
        ],
    )
    assert rest[1][4:] == pytest.approx((0.02, 0.02, 50.5, 95.05, 99.01))


async def test_no_server() -> None:
    """A server that is away is one error of ours, at the first question."""
    history = engine.create("postgresql://nobody@127.0.0.1:1/none", "client")
    with pytest.raises(HistoryUnavailable, match="refused"):
        await queries.executions(history, "j")
    await history.dispose()


async def test_no_schema(postgres_url: str) -> None:
    """A database without our tables says what to run."""
    history = engine.create(postgres_url, "client")
    with pytest.raises(SchemaMismatch, match="run `jobqueue db upgrade`"):
        await queries.final_outcome(history, "j")
    await history.dispose()


async def test_a_cut_connection_is_replaced(
    writer: HistoryWriter, history: AsyncEngine, ask: Ask
) -> None:
    """A pooled connection that died while nobody looked does not fail the next question."""
    await writer.write([record(job_id="j")])
    assert await queries.final_outcome(history, "j")
    ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert await queries.final_outcome(history, "j")
