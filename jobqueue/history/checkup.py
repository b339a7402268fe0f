"""Asks PostgreSQL how it is, for an examination. Nothing here changes anything."""

from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from time import monotonic, time
from typing import Any

import psycopg
from psycopg import AsyncConnection

from jobqueue.domain.checkup.facts import Durations, PostgresFacts, TableFacts
from jobqueue.domain.errors import SchemaMismatch
from jobqueue.history import engine, partitions, schema

ROUNDS = 5  # round trips, of which the median counts
LONGEST = 8  # seconds for the durations of all names, well below what the whole may take
LATEST = 10_000  # runs of a name that are looked at, of at most a month

_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::double precision"
_SERVER = "SELECT pg_is_in_recovery(), current_setting('autovacuum') = 'on'"
_TABLES = """
    SELECT relname, n_live_tup, n_dead_tup FROM pg_stat_user_tables
    WHERE schemaname = 'jobqueue' ORDER BY relname
"""
# A run that timed out would have taken longer: its duration is the least that it could be.
_DURATIONS = """
    SELECT
        names.name, count(*), count(*) FILTER (WHERE outcome = 'timed_out'),
        percentile_cont(0.999) WITHIN GROUP (ORDER BY run_seconds)
    FROM jobqueue.job_names AS names CROSS JOIN LATERAL (
        SELECT outcome, run_seconds FROM jobqueue.v_executions AS row
        WHERE row.name = names.name AND row.finished_at > now() - interval '30 days'
          AND started_at IS NOT NULL AND outcome IN ('succeeded', 'failed', 'timed_out')
        ORDER BY finished_at DESC LIMIT %(latest)s
    ) AS run
    WHERE %(all)s OR names.name = ANY(%(names)s)
    GROUP BY 1 ORDER BY 1
"""


async def examine(
    url: str, names: Sequence[str], *, every: bool
) -> tuple[PostgresFacts, list[Durations] | None]:
    """Return what the database is, and how long the runs of some names took.

    The second is None where PostgreSQL needs longer than ``LONGEST`` to say it.

    Args:
        url: Where it is.
        names: Whose runs to look at.
        every: Whether to look at those of all names.

    Raises:
        ConfigurationError: The URL is wrong, or the server too old.
        HistoryUnavailable: It is away.
        HistoryError: We may not look.
    """
    connection = await engine.connect(url, "doctor")
    try:
        facts = await _facts(connection)
        if facts.mismatch is not None or not (names or every):
            return facts, []
        return facts, await _durations(connection, names, every=every)
    finally:
        await connection.close()


async def _facts(connection: AsyncConnection[Any]) -> PostgresFacts:
    latency, offset, now = await _clock(connection)
    [(standby, autovacuum)] = await _rows(connection, _SERVER)
    found = await schema.find(connection)
    mismatch = None
    try:
        schema.require(found)
    except SchemaMismatch as error:
        mismatch = str(error)
    with engine.plain_errors():
        months = [] if found is None else await partitions.names(connection)
    tables = await _rows(connection, _TABLES)
    return PostgresFacts(
        version="{}.{}".format(*divmod(connection.info.server_version, 10_000)),
        standby=standby,
        autovacuum=autovacuum,
        latency=latency,
        offset=offset,
        revision=found.name if found else None,
        mismatch=mismatch,
        now=now,
        partitions=[f"{m[1]}-{m[2]}" for each in months if (m := partitions.NAME.fullmatch(each))],
        tables=[TableFacts(name=name, live=live, dead=dead) for name, live, dead in tables],
    )


async def _clock(connection: AsyncConnection[Any]) -> tuple[float, float, datetime]:
    """Return the median of some round trips, how far its clock is ahead of ours, and its time."""
    trips, offsets, theirs = [], [], 0.0
    for _ in range(ROUNDS):
        began, ours = monotonic(), time()
        [(theirs,)] = await _rows(connection, _CLOCK)
        trips.append(monotonic() - began)
        # The answer was made half way.
        offsets.append(theirs - ours - trips[-1] / 2)
    return median(trips), median(offsets), datetime.fromtimestamp(theirs, UTC)


async def _durations(
    connection: AsyncConnection[Any], names: Sequence[str], *, every: bool
) -> list[Durations] | None:
    values = {"latest": LATEST, "all": every, "names": list(names)}
    with engine.plain_errors():
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL statement_timeout = {round(LONGEST * 1000)}")
                found = await (await connection.execute(_DURATIONS, values)).fetchall()
        except psycopg.errors.QueryCanceled:
            return None
    return [
        Durations(name=name, runs=runs, timed_out=timed_out, p999=p999)
        for name, runs, timed_out, p999 in found
    ]


async def _rows(connection: AsyncConnection[Any], query: str) -> list[tuple[Any, ...]]:
    with engine.plain_errors():
        return await (await connection.execute(query.encode())).fetchall()
