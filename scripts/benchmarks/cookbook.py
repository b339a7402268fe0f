"""What the queries of ``jobqueue docs sql`` cost over a great history, and dropping a month.

Rows are made by PostgreSQL itself, spread over six months; ``send_email`` is one of twenty
names, one job of 50 needed two attempts, and one of 101 became a dead letter, of which nine in
ten were put back. A query counts as "by its index" when its plan reads no table with rows from
end to end.
"""

import re
import time
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from jobqueue.history import partitions, rollups
from scripts.benchmarks.figures import HISTORY, Broken, Family, Figure, Goal, Size, Values
from scripts.benchmarks.stage import Stage

DAYS = 155  # over which rows are spread: more than any five months, so six partitions
NAMES = 20
CHUNK = 500_000  # rows of one INSERT
SAMPLE = "'0199...'"  # the job id of some queries

FILL = """
INSERT INTO jobqueue.job_executions (
    id, enqueued_at, ready_at, started_at, finished_at, run, attempt, delivery, crashes, priority,
    final, job_id, queue, name, outcome, worker, code_version, tags, arguments,
    error_type, error_message, error_fingerprint
)
SELECT
    (lpad(to_hex((extract(epoch FROM ready) * 1000)::bigint), 12, '0') || '7000'
        || '8' || substr(md5(n || ':' || run || ':' || delivery), 1, 15))::uuid,
    at, ready, ready + interval '3 ms', ready + interval '20 ms' * (1 + random()),
    run, delivery, delivery, 0, (enum_range(NULL::jobqueue.priority))[1 + n %% 4],
    delivery = deliveries, md5(n::text), (ARRAY['default', 'email', 'slow'])[1 + n %% 3],
    CASE n %% %(names)s WHEN 0 THEN 'send_email' ELSE 'job_' || n %% %(names)s END,
    outcome, 'worker-' || n %% 8, 'v' || n * 20 / %(total)s,
    CASE n %% 97 WHEN 0 THEN ARRAY['nightly'] END,
    jsonb_build_object('to', n %% 100000 || '@example.com'),
    CASE outcome WHEN 'failed' THEN 'ValueError' END,
    CASE outcome WHEN 'failed' THEN 'no ' || n %% 7 END,
    CASE outcome WHEN 'failed' THEN substr(md5((n %% 7)::text), 1, 12) END
FROM (
    SELECT *,
        at + interval '2 s' * (delivery - 1) + interval '1 minute' * run AS ready,
        CASE
            WHEN delivery < deliveries THEN 'failed'
            WHEN run > 0 THEN 'succeeded'
            ELSE CASE n %% 101 WHEN 0 THEN 'failed' WHEN 1 THEN 'lost' ELSE 'succeeded' END
        END AS outcome
    FROM (
        SELECT
            n, 1 + (n %% 50 = 0)::int AS deliveries, (n %% 505 = 0)::int AS runs,
            now() - %(days)s * interval '1 day' * (1 - n::float / %(total)s) AS at
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    ) AS jobs
    CROSS JOIN LATERAL generate_series(0, runs) AS run
    CROSS JOIN LATERAL generate_series(1, deliveries) AS delivery
) AS spread
"""

BURY = """
INSERT INTO jobqueue.dead_letters (
    execution_id, enqueued_at, failed_at, redriven_at, run, attempts, crashes, priority, job_id,
    queue, name, outcome, reason, arguments, error_type, error_message, error_fingerprint, spec
)
SELECT
    id, enqueued_at, finished_at, CASE WHEN random() < 0.9 THEN finished_at END, run, attempt,
    crashes, priority, job_id, queue, name, outcome, 'retries_exhausted', arguments, error_type,
    error_message, error_fingerprint, ''
FROM jobqueue.job_executions WHERE outcome IN ('failed', 'lost') AND final
"""
# An earlier round has rolled up its hours.
EMPTY = """
TRUNCATE jobqueue.operator_log, jobqueue.unrolled, jobqueue.hourly_jobs, jobqueue.hourly_queues,
    jobqueue.hourly_workers, jobqueue.hourly_slowest;
INSERT INTO jobqueue.unrolled VALUES ('-infinity', 'infinity', 1);
"""
LOG = """
INSERT INTO jobqueue.operator_log (id, at, operator, action, job_id)
SELECT md5(n::text)::uuid, now() - interval '1 minute' * n, 'ann', 'retry', md5(n::text)
FROM generate_series(10000, 1, -1) AS n
"""
# Small tables, such as those of the hours, may well be read whole.
TABLES = ("job_executions", "dead_letters")


async def measure(stage: Stage, size: Size) -> Values:
    """Fill the history, ask each query, and drop its oldest month."""
    if stage.postgres is None:
        raise Broken("there is no PostgreSQL")
    filled = await fill(stage.postgres, size.rows)
    values: Values = {"cookbook.fill": filled, "cookbook.roll": await _roll(stage.postgres)}
    scans = []
    for number, query in queries().items():
        asked = await with_an_id(stage.postgres, query)
        scans += [number] * bool(await scanned(stage.postgres, asked))
        values[f"cookbook.{number}"] = await _milliseconds(stage.postgres, asked)
    values["cookbook.scans"] = len(scans)
    values["cookbook.drop"] = await _drop(stage.postgres)
    return values


def queries() -> dict[int, str]:
    """Return the queries of the cookbook by their numbers."""
    text = files("jobqueue.docs").joinpath("sql.md").read_text("utf-8")
    found = re.findall(r"^\*\*(\d+)\. .*?```sql\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    return {int(number): query.strip().rstrip(";") for number, query in found}


async def fill(connection: AsyncConnection[Any], rows: int) -> float:
    """Make rows of that many jobs; return how many a second."""
    await connection.execute(EMPTY)
    start = time.perf_counter()
    now = datetime.now(UTC)
    first = partitions.month_of(now - timedelta(days=DAYS + 1))
    await partitions.ensure(connection, now=first, ahead=7)
    for done in range(0, rows, CHUNK):
        last = min(rows, done + CHUNK)
        shares = {"names": NAMES, "days": DAYS, "total": rows, "first": done + 1, "last": last}
        await connection.execute(FILL, shares)
    seconds = time.perf_counter() - start
    await connection.execute(BURY)
    await connection.execute(LOG)
    for table in TABLES:
        await connection.execute(SQL("VACUUM ANALYZE jobqueue.{}").format(Identifier(table)))
    return rows / seconds


async def _roll(connection: AsyncConnection[Any]) -> float:
    """Roll up all hours; return how many a second."""
    start = time.perf_counter()
    return await rollups.roll_up(connection) / (time.perf_counter() - start)


async def with_an_id(connection: AsyncConnection[Any], query: str) -> str:
    """Return a query with the id of some job in the place of the sample."""
    cursor = await connection.execute("SELECT job_id FROM jobqueue.job_executions LIMIT 1")
    [(job_id,)] = await cursor.fetchall()
    return query.replace(SAMPLE, f"'{job_id}'")


async def _milliseconds(connection: AsyncConnection[Any], query: str) -> float:
    """Return how long a query takes when its pages are warm."""
    for _ in range(2):
        start = time.perf_counter()
        await (await connection.execute(query.encode())).fetchall()
        spent = time.perf_counter() - start
    return spent * 1000


async def scanned(connection: AsyncConnection[Any], query: str) -> set[str]:
    """Return the tables with rows that the plan of a query reads from end to end."""
    cursor = await connection.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + query.encode())
    [([found],)] = await cursor.fetchall()
    return scans(found["Plan"])


def scans(plan: dict[str, Any]) -> set[str]:
    """Return the tables with rows that a plan reads from end to end."""
    own: set[str] = set()
    rows = plan.get("Actual Rows", 0) + plan.get("Rows Removed by Filter", 0)
    if plan["Node Type"] == "Seq Scan" and rows and plan["Relation Name"].startswith(TABLES):
        own = {plan["Relation Name"]}
    return own.union(*(scans(part) for part in plan.get("Plans", ())))


async def _drop(connection: AsyncConnection[Any]) -> float:
    """Drop the oldest month with rows; return the milliseconds."""
    cursor = await connection.execute("SELECT min(finished_at) FROM jobqueue.job_executions")
    [(oldest,)] = await cursor.fetchall()
    end = partitions.following(partitions.month_of(oldest)) + timedelta(days=1)
    start = time.perf_counter()
    dropped = await partitions.drop_expired(connection, timedelta(0), now=end)
    spent = time.perf_counter() - start
    if not dropped:
        raise Broken("no month was dropped")
    return spent * 1000


FAMILY = Family(
    "cookbook",
    (
        Figure("cookbook.fill", "rows made", "/s"),
        Figure("cookbook.roll", "hours rolled up", "/s"),
        *(Figure(f"cookbook.{number}", f"cookbook query {number}", "ms") for number in queries()),
        Figure("cookbook.scans", "… queries that read a partition whole", "", Goal("<=", 0)),
        Figure("cookbook.drop", "drop a month", "ms", Goal("<=", 1000)),
    ),
    measure,
    seconds=40,
    part=HISTORY,
    history=True,
)
