"""Checks of the database that keeps the history."""

from collections.abc import Iterator
from functools import partial

from jobqueue.domain.checkup.facts import Facts, PostgresFacts
from jobqueue.domain.checkup.findings import Finding, Severity, finding
from jobqueue.domain.checkup.services import for_lack_of_postgres, troubled
from jobqueue.domain.wording import duration

SLOW = 0.1  # seconds for a round trip; a batch of the recorder takes a few
FEWEST_DEAD, MOST_DEAD = 10_000, 0.5  # rows, and their share of all, from which bloat matters
AHEAD = 1  # months; the upkeep makes two
_finding = partial(finding, "postgresql")


def check(facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong with PostgreSQL."""
    if facts.postgres_away is not None:
        yield _finding(
            Severity.ERROR,
            "away",
            f"it can't be asked, and what needs it was not looked at: {facts.postgres_away}"
            f"{_waiting(facts)}",
            "start it, or correct JOBQUEUE_DATABASE_URL (jobqueue config shows where it came from)",
        )
    elif facts.postgres is None:
        yield _finding(
            Severity.WARNING,
            "unknown",
            "no database_url is set: the history was not looked at, and dead letters need one",
            "jobqueue doctor --database-url postgresql://…",
        )
    else:
        yield from standby(facts.postgres)
        yield from schema(facts.postgres)
        yield from partitions(facts.postgres)
        yield from vacuum(facts.postgres)
        yield from bloat(facts.postgres)
        yield from latency(facts.postgres)


def _waiting(facts: Facts) -> str:
    """Return who waits for the server, for the end of a sentence."""
    names = [troubled(each, duties) for each, duties, _ in for_lack_of_postgres(facts)]
    return f"; {', '.join(names)} wait{'s' * (len(names) == 1)} for it" if names else ""


def standby(database: PostgresFacts) -> Iterator[Finding]:
    """Yield whether the server takes no writes."""
    if database.standby:
        yield _finding(
            Severity.ERROR,
            "standby",
            "this server is a standby: nothing can be recorded",
            "name the primary in JOBQUEUE_DATABASE_URL, or end it with "
            "?target_session_attrs=read-write",
        )


def schema(database: PostgresFacts) -> Iterator[Finding]:
    """Yield whether the schema is not one that this version can use."""
    if database.mismatch is not None:
        newer = "newer" in database.mismatch
        yield _finding(
            Severity.ERROR,
            "schema",
            f"nothing is recorded: {database.mismatch}",
            "pip install --upgrade jobqueue" if newer else "jobqueue db upgrade",
        )


def partitions(database: PostgresFacts) -> Iterator[Finding]:
    """Yield whether months have no partition that soon need one."""
    if database.mismatch is not None:
        return
    wanted = [_month(database, ahead) for ahead in range(AHEAD + 1)]
    missing = [month for month in wanted if month not in database.partitions]
    if missing:
        yield _finding(
            Severity.ERROR if wanted[0] in missing else Severity.WARNING,
            "partitions",
            f"no partition for {' and '.join(missing)}: a scheduler with a database_url makes "
            "them once an hour, and none has",
            "jobqueue scheduler",
        )


def _month(database: PostgresFacts, ahead: int) -> str:
    years, index = divmod(database.now.month - 1 + ahead, 12)
    return f"{database.now.year + years:04}-{index + 1:02}"


def vacuum(database: PostgresFacts) -> Iterator[Finding]:
    """Yield whether dead rows stay for ever."""
    if not database.autovacuum:
        yield _finding(
            Severity.WARNING,
            "autovacuum",
            "autovacuum is off: tables grow, and queries get slow plans",
            'psql -c "ALTER SYSTEM SET autovacuum = on" -c "SELECT pg_reload_conf()"',
        )


def bloat(database: PostgresFacts) -> Iterator[Finding]:
    """Yield each table that is mostly dead rows."""
    for table in database.tables:
        if table.dead > max(FEWEST_DEAD, MOST_DEAD * (table.live + table.dead)):
            yield _finding(
                Severity.WARNING,
                "bloat",
                f"{table.name} has {table.dead:,} dead rows beside {table.live:,} live ones",
                f'psql -c "VACUUM (ANALYZE) jobqueue.{table.name}"',
            )


def latency(database: PostgresFacts) -> Iterator[Finding]:
    """Yield whether the server answers late."""
    if database.latency >= SLOW:
        yield _finding(
            Severity.WARNING,
            "latency",
            f"it answers after {duration(database.latency)}: the journal may grow",
            'psql -c "SELECT pid, state, wait_event, query FROM pg_stat_activity"',
        )
