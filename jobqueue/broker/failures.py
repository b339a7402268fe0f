"""Turns redis-py's errors into ours, which say whether a request may have been carried out."""

import os
import re
from collections.abc import Sequence

from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.topology import Address

FAILURES = (RedisError, OSError, TimeoutError)

# Answers that say "not now": pause and repeat. Anything else repeats the same.
_NOT_NOW = (
    "LOADING", "READONLY", "NOREPLICAS", "UNBLOCKED", "MASTERDOWN", "CLUSTERDOWN", "OOM",
    "MISCONF", "BUSY", "TRYAGAIN", "MAXCLIENTS",
)  # fmt: skip
_NOT_NOW_TYPES = (
    AskError, BusyLoadingError, ClusterDownError, MasterDownError, OutOfMemoryError, ReadOnlyError,
    TryAgainError,
)  # fmt: skip
# Answers of a server that is no master any more: whoever has its place is elsewhere.
_DEMOTED = ("READONLY", "UNBLOCKED", "MASTERDOWN", "LOADING")
_DEMOTED_TYPES = (BusyLoadingError, MasterDownError, ReadOnlyError)
# A script met a slot that is moving: it may have stopped half way.
_HALF_WAY = "non local key"

_GRANT = (
    "; give the user the keys and commands: ACL SETUSER name ~prefix:* +@all -@dangerous +info; "
    "see `jobqueue docs settings`"
)
_UNREACHED, _REFUSED = "Redis can't be reached: ", "Redis refused: "

# A URL of one kind that leads to a server of another; who has TLS knows the other scheme.
_SINGLE = "redis://host:6379"
_SENTINEL = "redis+sentinel://host:26379/name-of-the-master"
_CLUSTER = "redis+cluster://host:6379"
_UNKNOWN = re.compile(r"unknown command ['`](\w+)")
_WHO_KNOWS = {
    "CLUSTER": f"so it is no node of a cluster; for a Sentinel write {_SENTINEL}, else {_SINGLE}",
    "SENTINEL": f"so it is no Sentinel; write {_SINGLE}, for a cluster {_CLUSTER}",
}
_IS_SENTINEL = f"so it is probably a Sentinel, for which you write {_SENTINEL}"


class AnswerLost(BrokerUnavailable):
    """The request was sent and no answer came: it may have been carried out."""


def translate(error: BaseException, *, sent: bool, apart: bool = False) -> Exception:
    """Return our error for one of redis-py's, a timeout or a broken socket.

    Args:
        error: What happened.
        sent: Whether the request had gone out.
        apart: Whether the lane is a cluster's, where a key that has moved is found again.
    """
    if isinstance(error, ResponseError | BusyLoadingError):
        if isinstance(error, MovedError) and not apart:
            return BrokerError(f"{_REFUSED}{_of_cluster(error)}")
        not_now = isinstance(error, _NOT_NOW_TYPES) or _code(error) in _NOT_NOW
        lost = _HALF_WAY in str(error)
        kind = BrokerUnavailable if not_now else AnswerLost if lost else BrokerError
        return kind(f"{_REFUSED}{_refusal(error)}")
    unreached = AnswerLost if sent else BrokerUnavailable
    return unreached(f"{_UNREACHED}{str(error) or 'no answer in time'}")


def _of_cluster(error: MovedError) -> str:
    node = f"{error.host or 'host'}:{error.port}"
    return (
        "this server is a node of a cluster; begin the URL with redis+cluster:// "
        f"(rediss+cluster:// with TLS), as in redis+cluster://{node}"
    )


def _refusal(error: BaseException) -> str:
    """Return a refusal's text, with what to do where that is known."""
    if unknown := _UNKNOWN.match(str(error)):
        # What follows are arguments, which may be those of a job.
        name = unknown[1].upper()
        return f"it knows no command {name!r}, {_WHO_KNOWS.get(name, _IS_SENTINEL)}"
    # redis-py strips the code of errors that have a class of their own.
    text = f"{type(error).__name__}: {error}"
    if "cluster support disabled" in text:
        return f"{text}; write {_SINGLE}"
    return f"{text}{_GRANT}" if isinstance(error, NoPermissionError) else text


def of_several(summary: str, problems: Sequence[tuple[Address, Exception]]) -> Exception:
    """Return one error for several servers that were asked in vain; each thing is said once.

    It is a refusal only if all of them refused; else it may be worth another try.
    """
    whose: dict[str, list[str]] = {}
    for address, error in problems:
        whose.setdefault(_plain(address, error), []).append(str(address))
    told = "; ".join(f"{', '.join(names)}: {text}" for text, names in whose.items())
    if all(isinstance(error, BrokerError) for _, error in problems):
        return BrokerError(f"{_REFUSED}{summary}: {told}")
    return BrokerUnavailable(f"{_UNREACHED}{summary}: {told}")


def _plain(address: Address, error: Exception) -> str:
    """Return what happened at a server without what its list says already."""
    ours = translate(error, sent=False) if isinstance(error, FAILURES) else error
    text = str(ours).removeprefix(_UNREACHED).removeprefix(_REFUSED)
    if at := re.match(rf"Error (-?\d+) connecting to {re.escape(str(address))}\. (.*)", text):
        number = int(at[1])
        text = os.strerror(number) if number > 0 else at[2]  # asyncio's text has the address again
    return text.rstrip(".")


def demoted(error: RedisError) -> bool:
    """Say whether an answer means that the master is to be looked for again."""
    return isinstance(error, _DEMOTED_TYPES) or _code(error) in _DEMOTED


def _code(error: BaseException) -> str:
    # The whole first word: BUSYGROUP, for one, is no BUSY.
    return str(error).split(" ")[0]
