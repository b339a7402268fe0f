"""Runs a script and waits until what it wrote would outlive its server.

``WAIT`` counts the replicas that have everything this connection had written, so it must
go over the same connection, and behind a write: a call that is repeated may write nothing
itself. ``WAITAOF`` is the same for the append-only files of master and replicas; with
``appendfsync everysec`` it takes up to a second, so only jobs that want it pay for it.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from redis.exceptions import RedisError

from jobqueue.broker.calls import Call
from jobqueue.broker.failures import demoted, translate
from jobqueue.broker.lanes import Command, Lane, SyncLane
from jobqueue.domain.replication import Reached, Replication

T = TypeVar("T")

_LATE = "its master had not written it to the append-only file in time"
_NO_FILE = "its master keeps no append-only file; run CONFIG SET appendonly yes there"
_TOO_OLD = "its master does not know WAITAOF; use Redis 7.2 or newer, or Valkey"
CALL_MS = 3_600_000  # the life of a call's number, as the scripts set it


async def replicated(lane: Lane, call: Call[T], key: str, asked: Replication) -> tuple[T, Reached]:
    """Run a script and wait for replicas.

    Args:
        lane: Any free lane.
        call: The script; with its number, so that it may be repeated.
        key: The key of that number.
        asked: What to wait for.

    Raises:
        BrokerUnavailable: As for :meth:`Lane.call`; also when it is not known whether
            replicas have it, since the server is no master any more.
    """
    answer, others = await lane.call_then(call, _commands(key, asked), asked.seconds)
    return answer, _reached(others, asked)


def replicated_sync(
    lane: SyncLane, call: Call[T], key: str, asked: Replication
) -> tuple[T, Reached]:
    """Do the same without an event loop."""
    answer, others = lane.call_then(call, _commands(key, asked), asked.seconds)
    return answer, _reached(others, asked)


def _commands(key: str, asked: Replication) -> list[Command]:
    ms = round(asked.seconds * 1000)
    wait = ("WAITAOF", 1, asked.replicas, ms) if asked.disk else ("WAIT", asked.replicas, ms)
    return [("PEXPIRE", key, CALL_MS), wait]


def _reached(answers: Sequence[Any], asked: Replication) -> Reached:
    answer = answers[-1]
    if not asked.disk:
        if isinstance(answer, RedisError):
            raise translate(answer, sent=True) from answer
        return Reached(answer, asked.replicas)
    if isinstance(answer, RedisError):
        if demoted(answer):
            raise translate(answer, sent=True) from answer
        return Reached(0, asked.replicas, _problem(str(answer)))
    on_disk = answer[0] > 0
    return Reached(answer[1], asked.replicas, "" if on_disk else _LATE)


def _problem(answer: str) -> str:
    """Return why a master refuses to wait for disks, and what would make it."""
    if "appendonly" in answer:
        return _NO_FILE
    return _TOO_OLD if "unknown command" in answer else f"Redis refused WAITAOF: {answer}"
