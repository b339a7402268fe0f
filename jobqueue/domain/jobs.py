"""What a job is: priorities, states with their legal transitions, and its spec."""

from enum import IntEnum, StrEnum

import msgspec

from jobqueue.domain.retry import RetrySpec

SPEC_VERSION = 1


class Priority(IntEnum):
    """The four priorities; a lower number runs first."""

    CRITICAL = 0
    HIGH = 1
    NORMAL = 2
    LOW = 3

    @property
    def label(self) -> str:
        """The name that users write: ``critical``, ``high``, ``normal`` or ``low``."""
        return self.name.lower()


class State(StrEnum):
    """Where a job is in its life."""

    SCHEDULED = "scheduled"
    READY = "ready"
    RUNNING = "running"
    RETRYING = "retrying"
    BLOCKED = "blocked"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def terminal(self) -> bool:
        """Whether the job has ended; only a redrive of a dead letter leads on."""
        return self in _TERMINAL


_TERMINAL = frozenset({State.SUCCEEDED, State.DEAD, State.CANCELLED, State.EXPIRED})

# What ends a job that waits; it is dead when its deadline is over.
_ENDS = frozenset({State.DEAD, State.CANCELLED, State.EXPIRED})

# Where scripts may take a job from each state.
TRANSITIONS: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.READY, State.BLOCKED}) | _ENDS,
    State.READY: frozenset({State.RUNNING, State.BLOCKED}) | _ENDS,
    State.RUNNING: frozenset(
        {
            State.SUCCEEDED,
            State.DEAD,
            State.CANCELLED,
            State.EXPIRED,
            State.RETRYING,
            State.READY,  # released at shutdown, or reclaimed from a dead worker
            State.SCHEDULED,  # snoozed, or handed back because nobody here knows its name
            State.BLOCKED,
        }
    ),
    State.RETRYING: frozenset({State.READY, State.BLOCKED}) | _ENDS,
    State.BLOCKED: frozenset({State.READY}) | _ENDS,
    State.SUCCEEDED: frozenset(),
    State.DEAD: frozenset({State.READY, State.BLOCKED}),  # redrive
    State.CANCELLED: frozenset(),
    State.EXPIRED: frozenset(),
}


class Asks(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a job asks of the broker's scripts, which read it in its spec.

    Args:
        lock: Key of which one job at a time is ready or running.
        unique: Key that one unfinished job may have.
        start: Whether the unique key is free as soon as the job starts.
        ttl: How long the unique key is taken whatever becomes of the job, in ms.
        conflict: What a taken unique key does: ``return`` or ``replace``; else it refuses.
        idem: Idempotency key.
        print: Fingerprint of name and arguments; the idempotency key holds it.
        keep: How long the idempotency key is remembered after the job's end, in ms.
        expires: When a job that has not started ends, in ms since the epoch.
        within: The same in ms after it was enqueued, by the clock of Redis.
        deadline: When a job that has not ended is dead, in ms since the epoch.
        deadline_in: The same in ms after it was enqueued.
        keys: Keys of the limits that count each key apart, by the limit's label.
    """

    lock: str | None = None
    unique: str | None = None
    start: bool | None = None
    ttl: int | None = None
    conflict: str | None = None
    idem: str | None = None
    print: str | None = None
    keep: int | None = None
    expires: int | None = None
    within: int | None = None
    keys: dict[str, str] | None = None
    deadline: int | None = None
    deadline_in: int | None = None


class Spec(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What to run: packed once by the producer and never changed.

    Name, queue and priority are not in it: the broker's scripts need those, so
    they stand beside it in the job's record. The scripts read the second field and
    nothing behind it. New fields go to the end and have defaults, at most fifteen in all:
    old and new versions of the package work on one queue.
    """

    version: int
    asks: Asks | None
    arguments: bytes
    timeout_ms: int | None = None
    retry: RetrySpec | None = None
    result_ttl_ms: int | None = None
    metadata: bytes | None = None
    tags: tuple[str, ...] = ()
    deadline_ms: int | None = None  # since the epoch
    deadline_in_ms: int | None = None  # after it was enqueued
    redact: tuple[str, ...] = ()  # names of arguments that people may not see


unpack_spec = msgspec.msgpack.Decoder(Spec).decode
