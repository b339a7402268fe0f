"""What is measured every few seconds; each measure by its name."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from redis import Redis

from jobqueue.broker.keys import Keys

KEYS = Keys("jobqueue")
MIB = 1 << 20

SIZES = """
SELECT (SELECT sum(pg_total_relation_size(relid))
          FROM pg_partition_tree('jobqueue.job_executions')),
       (SELECT count(*) FROM jobqueue.job_executions),
       (SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables
         WHERE schemaname = 'jobqueue'),
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())
"""


class Sampler:
    """Takes samples.

    Args:
        redis_url: The Redis of the soak.
        database_url: Its PostgreSQL.
    """

    def __init__(self, redis_url: str, database_url: str) -> None:
        self._redis = Redis.from_url(redis_url, decode_responses=True)
        self._database = psycopg.connect(database_url, autocommit=True)
        self.rows = 0

    def sample(self, pids: Mapping[str, int]) -> dict[str, float]:
        """Return every measure now.

        Args:
            pids: The processes by name.
        """
        found: dict[str, float] = {}
        for name, pid in pids.items():
            found |= {f"{name}: {what}": value for what, value in _process(pid)}
        found |= {f"Redis: {what}": value for what, value in self._of_redis()}
        found |= {f"PostgreSQL: {what}": value for what, value in self._of_postgres()}
        return found

    def close(self) -> None:
        """Close both connections."""
        self._redis.close()
        self._database.close()

    def _of_redis(self) -> Iterator[tuple[str, float]]:
        info: Any = self._redis.info()
        yield "memory, MiB", info["used_memory"] / MIB
        yield "keys", float(self._redis.dbsize())
        yield "consumers", float(sum(self._consumers()))
        yield "clients", float(info["connected_clients"])

    def _consumers(self) -> Iterator[int]:
        for stream in (*KEYS.streams("default"), KEYS.journal("default")):
            if self._redis.exists(stream):
                groups: Any = self._redis.xinfo_groups(stream)
                yield from (int(group["consumers"]) for group in groups)

    def _of_postgres(self) -> Iterator[tuple[str, float]]:
        [(size, self.rows, dead, connections)] = self._database.execute(SIZES).fetchall()
        yield "bytes for each row", float(size) / max(self.rows, 1)
        yield "dead tuples", float(dead)
        yield "connections", float(connections)


def _process(pid: int) -> Iterator[tuple[str, float]]:
    """Measure a process and its children; a child that has just gone counts as nothing."""
    yield "memory, MiB", _memory(pid)
    yield "descriptors", _count(pid, "fd")
    yield "threads", _count(pid, "task")
    if children := _children(pid):
        yield "children", float(len(children))
        yield "memory of a child, MiB", sum(map(_memory, children)) / len(children)


def _memory(pid: int) -> float:
    words = _read(pid, "statm").split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE") / MIB if words else 0.0


def _count(pid: int, folder: str) -> float:
    return float(len(list(Path(f"/proc/{pid}/{folder}").iterdir())))


def _children(pid: int) -> list[int]:
    found = _read(pid, f"task/{pid}/children").split()
    return [int(each) for each in found]


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text("ascii")
    except OSError:
        return ""
