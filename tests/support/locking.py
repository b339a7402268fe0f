"""A history that nobody can write."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg


@contextmanager
def blocked(url: str) -> Iterator[Callable[[], None]]:
    """Let nobody write history until the function that is given is called."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE jobqueue.job_executions IN ACCESS EXCLUSIVE MODE")
        yield connection.rollback
