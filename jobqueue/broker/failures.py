"""Turns redis-py's errors into ours, which say whether a request may have been carried out."""

from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from jobqueue.domain.errors import BrokerError, BrokerUnavailable

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


class AnswerLost(BrokerUnavailable):
    """The request was sent and no answer came: it may have been carried out."""


def translate(error: BaseException, *, sent: bool) -> Exception:
    """Return our error for one of redis-py's, a timeout or a broken socket."""
    if isinstance(error, ResponseError | BusyLoadingError):
        # redis-py strips the code of errors that have a class of their own.
        text = f"{type(error).__name__}: {error}"
        not_now = isinstance(error, _NOT_NOW_TYPES) or _code(error) in _NOT_NOW
        kind = BrokerUnavailable if not_now else AnswerLost if _HALF_WAY in text else BrokerError
        grant = _GRANT if isinstance(error, NoPermissionError) else ""
        return kind(f"Redis refused: {text}{grant}")
    lost = AnswerLost if sent else BrokerUnavailable
    return lost(f"Redis can't be reached: {str(error) or 'no answer in time'}")


def demoted(error: RedisError) -> bool:
    """Say whether an answer means that the master is to be looked for again."""
    return isinstance(error, _DEMOTED_TYPES) or _code(error) in _DEMOTED


def _code(error: BaseException) -> str:
    # The whole first word: BUSYGROUP, for one, is no BUSY.
    return str(error).split(" ")[0]
