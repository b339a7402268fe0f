"""Sees how long it takes until things go on, where the history does not tell.

Redis may be broken by another fault meanwhile: then we ask again.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from jobqueue.broker.keys import Keys
from scripts.faults.leftovers import PREFIX
from scripts.faults.plan import QUEUES
from scripts.faults.registry import Injection
from scripts.faults.stage import Stage

LOOK = 0.05  # seconds
PATIENCE = 90.0
MANY = 100_000
ROWS = "SELECT count(*) FROM jobqueue.job_executions"


def rows(stage: Stage, injection: Injection) -> None:
    """Wait until PostgreSQL gets a row again."""
    _until(stage, injection, _more_rows(stage))


def records(stage: Stage, injection: Injection) -> None:
    """Wait until what recorders had in hand is recorded."""
    with closing(stage.servers.client()) as redis:
        _until(stage, injection, _fewer_records(redis))


def _until(stage: Stage, injection: Injection, looks: Iterator[bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    for recovered in looks:
        if recovered:
            injection.recovered = time.time()
        if recovered or stage.over or time.monotonic() > deadline:
            return
        stage.sleep(LOOK)


def _more_rows(stage: Stage) -> Iterator[bool]:
    known = None
    while True:
        try:
            with closing(stage.servers.history()) as history:
                [(found,)] = history.execute(ROWS).fetchall()
        except psycopg.OperationalError:  # another fault, already
            yield False
            continue
        known = found if known is None else known
        yield found > known


def _fewer_records(redis: Redis) -> Iterator[bool]:
    held: set[str] | None = None
    while True:
        try:
            found = {entry for queue in QUEUES for entry in _pending(redis, queue)}
        except RedisError:
            yield False
            continue
        held = found if held is None else held
        yield not held & found


def _pending(redis: Redis, queue: str) -> Iterator[str]:
    rows: Any = redis.xpending_range(Keys(PREFIX).journal(queue), "recorder", "-", "+", MANY)
    yield from (f"{queue} {row['message_id']}" for row in rows)
