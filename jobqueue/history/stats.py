"""Sums over the hourly rollups, so that a month costs no more than a day's rows by the hour."""

from datetime import UTC, datetime

from psycopg.rows import dict_row

from jobqueue.domain.stats import NameStats, QueueStats, Stats
from jobqueue.history import engine

_NAMES = """
    SELECT
        name, sum(runs)::bigint AS runs, sum(failures)::bigint AS failures,
        sum(total_run_seconds) AS busy, max(run_p95_seconds) AS run_p95,
        max(wait_p95_seconds) AS wait_p95
    FROM jobqueue.v_job_stats WHERE hour >= %s GROUP BY name ORDER BY name
"""
_QUEUES = """
    SELECT
        queue, sum(runs)::bigint AS runs, max(wait_p95_seconds) AS wait_p95,
        max(wait_max_seconds) AS wait_max
    FROM jobqueue.v_queue_latency WHERE hour >= %s GROUP BY queue ORDER BY queue
"""


async def since(url: str, moment: datetime) -> Stats:
    """Return what ran since the hour in which a moment lies.

    Args:
        url: Where the history is.
        moment: With its time zone.

    Raises:
        HistoryUnavailable: PostgreSQL is away.
        SchemaMismatch: The views are not there.
    """
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    async with await engine.connect(url, "client") as connection:
        with engine.plain_errors():
            cursor = connection.cursor(row_factory=dict_row)
            names = await (await cursor.execute(_NAMES, (hour,))).fetchall()
            queues = await (await cursor.execute(_QUEUES, (hour,))).fetchall()
    return Stats(
        since=hour,
        until=datetime.now(UTC),
        names=[NameStats(**row) for row in names],
        queues=[QueueStats(**row) for row in queues],
    )
