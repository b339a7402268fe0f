"""The application's side: a counter that refuses writers which are too late.

A handler claims its job with ``current_job().fence`` when it begins and writes with the same
number. A claim or a write with a lower number than the highest one seen is refused. ``fences``
keeps the number of every write that was let through, ``effects`` is what the world sees: a job
that has been done is not done again.
"""

import os
import threading

import psycopg

from jobqueue import current_job

URL = "FAULTS_APPLICATION_URL"

SCHEMA = """
CREATE TABLE effects (
    job text PRIMARY KEY, fence bigint NOT NULL, effects int NOT NULL, fences bigint[] NOT NULL
)"""
CLAIM = """
INSERT INTO effects AS e VALUES (%(job)s, %(fence)s, 0, '{}')
ON CONFLICT (job) DO UPDATE SET fence = excluded.fence WHERE e.fence < excluded.fence
RETURNING true"""
WRITE = """
INSERT INTO effects AS e VALUES (%(job)s, %(fence)s, 1, ARRAY[%(fence)s::bigint])
ON CONFLICT (job) DO UPDATE SET
    fence = excluded.fence, fences = e.fences || excluded.fence, effects = greatest(e.effects, 1)
WHERE e.fence <= excluded.fence
RETURNING true"""

_own = threading.local()


class TooLateError(Exception):
    """The store has seen a later delivery of this job. Never recorded, unless fences are wrong."""


def claim() -> None:
    """Tell the store that this delivery has begun.

    Raises:
        TooLateError: So has a later one.
    """
    _ask(CLAIM)


def write() -> None:
    """Do what the job is there for.

    Raises:
        TooLateError: A later delivery has begun.
    """
    _ask(WRITE)


def _ask(statement: str) -> None:
    job = current_job()
    given = {"job": job.id, "fence": job.fence}
    if _connection().execute(statement.encode(), given).fetchone() is None:
        raise TooLateError(job.id, job.fence)


def _connection() -> psycopg.Connection:
    if not hasattr(_own, "connection"):
        _own.connection = psycopg.connect(os.environ[URL], autocommit=True)
    connection: psycopg.Connection = _own.connection
    return connection
