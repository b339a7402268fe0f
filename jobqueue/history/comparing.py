"""What the runs of each name were like before and after a moment."""

from datetime import datetime
from typing import Any

from jobqueue.domain.regressions import Comparison, Sample
from jobqueue.history import engine

# OFFSET 0: one look into the index on (name, finished_at) for each name and range, whatever the
# statistics say. A run belongs to the time in which it started: to the code that ran it.
_RUNS = """
    SELECT
        names.name, coalesce(started_at, finished_at) >= %(since)s AS after,
        outcome IN ('failed', 'timed_out', 'lost') AS failed,
        CASE WHEN outcome = 'succeeded' THEN run_seconds END AS seconds
    FROM jobqueue.job_names AS names CROSS JOIN LATERAL (
        SELECT started_at, finished_at, outcome, run_seconds FROM jobqueue.v_executions AS row
        WHERE row.name = names.name AND row.finished_at >= %(start)s AND row.finished_at < %(end)s
          AND (started_at IS NOT NULL OR outcome IN ('failed', 'timed_out', 'lost'))
        OFFSET 0
    ) AS run
"""
_COMPARE = f"""
    WITH runs AS MATERIALIZED ({_RUNS}),
    before AS (
        SELECT
            name, count(*) AS runs, count(*) FILTER (WHERE failed) AS failures,
            count(seconds) AS timed,
            percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) AS shares
        FROM runs WHERE NOT after GROUP BY name
    ),
    after AS (
        SELECT
            name, count(*) AS runs, count(*) FILTER (WHERE failed) AS failures,
            count(seconds) AS timed,
            percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) AS shares,
            avg((seconds > before.shares[1])::int)::double precision AS above_p50,
            avg((seconds > before.shares[2])::int)::double precision AS above_p95
        FROM runs LEFT JOIN before USING (name) WHERE runs.after GROUP BY name
    )
    SELECT
        name,
        coalesce(before.runs, 0), coalesce(before.failures, 0), coalesce(before.timed, 0),
        before.shares[1], before.shares[2],
        coalesce(after.runs, 0), coalesce(after.failures, 0), coalesce(after.timed, 0),
        after.shares[1], after.shares[2],
        after.above_p50, after.above_p95
    FROM before FULL JOIN after USING (name) ORDER BY name
"""  # noqa: S608 - nothing but constants


def compare(url: str, *, start: datetime, since: datetime, end: datetime) -> list[Comparison]:
    """Return each name's runs in ``[start, since)`` and ``[since, end)``, by name.

    Raises:
        ConfigurationError: The URL is wrong.
        HistoryUnavailable: PostgreSQL is away.
        SchemaMismatch: The views are not there.
    """
    times = {"start": start, "since": since, "end": end}
    with engine.connect_sync(url, "regressions") as connection, engine.plain_errors():
        return [_comparison(row) for row in connection.execute(_COMPARE.encode(), times)]


def _comparison(row: tuple[Any, ...]) -> Comparison:
    name, *rest = row
    return Comparison(
        name=name,
        before=_sample(rest[:5]),
        after=_sample(rest[5:10]),
        above_p50=rest[10],
        above_p95=rest[11],
    )


def _sample(values: list[Any]) -> Sample:
    runs, failures, timed, p50, p95 = values
    return Sample(runs=runs, failures=failures, timed=timed, p50=p50, p95=p95)
