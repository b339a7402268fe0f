"""PostgreSQL dies, is away, or refuses."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from random import Random

import psycopg

from scripts.faults.registry import Injection, fault
from scripts.faults.stage import Stage

DISK_FULL = """
CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE SQLSTATE '53100' USING MESSAGE = 'No space left on device'; END $$;
CREATE TRIGGER disk_full BEFORE INSERT ON jobqueue.job_executions
    FOR EACH ROW EXECUTE FUNCTION disk_full()"""
# Locks the table before its partitions, as those do who write: a DROP alone may meet them in a
# deadlock, and lose.
ROOM_AGAIN = "LOCK TABLE jobqueue.job_executions; DROP FUNCTION disk_full CASCADE"
OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"""


@fault(
    "postgres-restart",
    "PostgreSQL is restarted at once, amid its batches",
    lane="history",
    recovery="rows",
)
def postgres_restart(stage: Stage, random: Random, _injection: Injection) -> None:
    """Stop it in immediate mode, leave it away for a moment, and start it."""
    server = stage.servers.postgres
    os.kill(server.pid, signal.SIGQUIT)
    while server.running:
        time.sleep(0.01)
    stage.sleep(random.uniform(0.1, 1.5))
    server.start()


@fault(
    "postgres-away",
    "PostgreSQL can't be reached, for up to a minute",
    lane="history",
    recovery="rows",
)
def postgres_away(stage: Stage, _random: Random, _injection: Injection) -> None:
    """Refuse connections; a third of the run, a minute at most."""
    stage.servers.to_postgres.refuse()
    stage.sleep(stage.scaled(1 / 3, 5, 60))
    stage.servers.to_postgres.accept()


@fault("disk-full", "the disk of PostgreSQL is full: 53100", lane="history", recovery="rows")
def disk_full(stage: Stage, random: Random, _injection: Injection) -> None:
    """Let every insert fail, for some seconds."""
    with _history(stage) as history:
        history.execute(DISK_FULL)
        try:
            stage.sleep(random.uniform(2, 5))
        finally:
            history.execute(ROOM_AGAIN)


@fault(
    "statement-timeout", "every statement takes too long: 57014", lane="history", recovery="rows"
)
def statement_timeout(stage: Stage, random: Random, _injection: Injection) -> None:
    """Give new sessions a millisecond for a statement, for some seconds, and end the old ones."""
    with _history(stage) as history:
        history.execute("ALTER DATABASE postgres SET statement_timeout = 1")
        history.execute(OTHERS)
        try:
            stage.sleep(random.uniform(2, 5))
        finally:
            history.execute("ALTER DATABASE postgres RESET statement_timeout")
            history.execute(OTHERS)


@contextmanager
def _history(stage: Stage) -> Iterator[psycopg.Connection]:
    with closing(stage.servers.history()) as connection:
        yield connection
