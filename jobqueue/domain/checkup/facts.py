"""What an examination looks at; durations are seconds, sizes are bytes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from jobqueue.domain.pauses import Pause
from jobqueue.domain.views import QueueView


class RedisFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One server with keys.

    Args:
        place: Its address where there are several; else empty.
        flavour: ``Redis`` or ``Valkey``.
        version: Of the server.
        supported: The oldest version that will do, if this one is older; else ``None``.
        master: Whether it takes writes.
        policy: Its ``maxmemory-policy``; ``None`` where it does not say.
        aof: Whether it keeps an append-only file; ``None`` where it does not say.
        fsync: Its ``appendfsync``; ``None`` where it does not say.
        writes: Whether its last writes to the disk, file and snapshot, went well.
        used_memory: What its data take.
        maxmemory: Its bound; 0 for none.
        system_memory: What the machine has; 0 where it does not say.
        latency: Median of a few round trips.
        offset: How far its clock is ahead of ours.
    """

    place: str
    flavour: str
    version: str
    supported: str | None
    master: bool
    policy: str | None
    aof: bool | None
    fsync: str | None
    writes: bool
    used_memory: int
    maxmemory: int
    system_memory: int
    latency: float
    offset: float


class TableFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One table of the history, or one month; ``live`` and ``dead`` are estimated rows."""

    name: str
    live: int
    dead: int


class PostgresFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The database of the history.

    Args:
        version: Of the server, such as ``18.1``.
        standby: Whether it is one, which takes no writes.
        autovacuum: Whether it clears dead rows by itself.
        latency: Median of a few round trips.
        offset: How far its clock is ahead of ours.
        revision: Of the schema; ``None`` when there is none.
        mismatch: Why this version of the package can't use the schema; ``None`` if it can.
        now: Its time.
        partitions: Months that have one, as ``2030-01``.
        tables: Those of the schema.
    """

    version: str
    standby: bool
    autovacuum: bool
    latency: float
    offset: float
    revision: str | None
    mismatch: str | None
    now: datetime
    partitions: Sequence[str]
    tables: Sequence[TableFacts]


class LeaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that took jobs from a queue, how long ago its lease ended, and what it holds."""

    worker: str
    ended: float  # negative while it lasts
    jobs: int


class ReaderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A recorder that holds entries of a journal, and how long it has been silent."""

    recorder: str
    entries: int
    silent: float


class QueueFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One queue with all its partitions.

    Args:
        view: Its counts.
        journal_bytes: Size of the largest journal of its partitions.
        journal_age: How long the oldest entry has waited for a recorder; ``None`` without any.
        leases: Who took jobs from it.
        readers: Who holds entries of its journal.
    """

    view: QueueView
    journal_bytes: int
    journal_age: float | None
    leases: Sequence[LeaseFacts]
    readers: Sequence[ReaderFacts]


class Durations(msgspec.Struct, frozen=True, kw_only=True):
    """How long the latest runs of a name took.

    Args:
        name: Of the jobs.
        runs: How many runs were looked at.
        timed_out: How many of them ran into their timeout.
        p999: All but one in a thousand took at most this long.
    """

    name: str
    runs: int
    timed_out: int
    p999: float


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """What stops services here.

    Args:
        name: What it is called.
        grace: How long it waits before it kills.
        certain: Whether somebody said so, or it is only what the platform does by default.
        command: How it is told to wait longer.
    """

    name: str
    grace: float
    certain: bool
    command: str


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What settings and code say.

    Args:
        prefix: Of every key.
        grace: How long a stopping worker waits.
        lease: How long a silent worker owns its jobs.
        journal_limit: Size of a journal at which workers stop fetching; ``None`` where nobody
            chose one.
        default_timeout: Of jobs that have none of their own.
        timeouts: Of each handler of the app; ``None`` without one.
        strange: Problems with variables that nothing reads.
    """

    prefix: str
    grace: float
    lease: float
    journal_limit: int | None
    default_timeout: float | None
    timeouts: Mapping[str, float | None]
    strange: Sequence[str]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """An installation as it was found.

    Args:
        chosen: What settings and code say.
        redis: Each server with keys that answered.
        journal_bound: Size of a journal at which workers stop fetching.
        redis_away: Why servers could not be asked.
        postgres: The database; ``None`` when it could not be asked or is not named.
        postgres_away: Why it could not be asked; ``None`` when it was, or is not named.
        queues: Every queue that ever had a job.
        services: What living services say of themselves; ``None`` where they could not be asked.
        unknown: Queue, name and number of waiting jobs that no living worker there declares.
        pauses: What is paused, workers aside.
        unserved: Queues of which living workers serve the whole, and none the partitions.
        durations: How long runs took, by what the history knows; ``None`` where it did not say
            so in time.
        platform: What stops services; ``None`` where that is not known.
    """

    chosen: Chosen
    redis: tuple[RedisFacts, ...] = ()
    journal_bound: int = 0
    redis_away: Sequence[str] = ()
    postgres: PostgresFacts | None = None
    postgres_away: str | None = None
    queues: Sequence[QueueFacts] = ()
    services: Sequence[Mapping[str, Any]] | None = None
    unknown: Sequence[tuple[str, str, int]] = ()
    pauses: Sequence[Pause] = ()
    unserved: Sequence[str] = ()
    durations: Sequence[Durations] | None = ()
    platform: Platform | None = None
