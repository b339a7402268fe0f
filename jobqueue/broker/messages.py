"""What travels between Python and the broker's scripts; each form has a script that knows it.

Arrays save the names: in those a new field goes to the end and has a default, so that old
and new versions of the package work on one queue.
"""

from collections.abc import Mapping, Sequence

import msgspec

from jobqueue.domain.jobs import Priority

PRIORITIES = {f"{part}:{level}": level for part in ("ready", "again") for level in range(4)}
"""By the stream that a delivery came from; to look it up is quicker than to read the number."""


class NewJob(msgspec.Struct, frozen=True, gc=False):
    """A job to be stored. Exactly one of ``delay_ms`` and ``at_ms``, or neither."""

    id: str
    priority: int
    delay_ms: int | None
    at_ms: int | None
    name: str
    asks: bool = False  # whether its spec holds something for scripts to obey


class Delivery(msgspec.Struct, array_like=True, frozen=True):
    """A job that was handed to this worker, with the token that fences it.

    ``attempts`` counts the runs that were counted before this one; ``delay_ms`` is
    the wait before this attempt; ``unknown`` says how often in a row workers did not know
    its name; ``last`` is the error of the attempt before, in a line; times are on the Redis clock.
    """

    id: str
    token: str
    stream: str
    entry: str
    flags: int
    name: str
    enqueued_ms: int
    spec: msgspec.Raw
    run: int
    attempts: int
    delivery: int
    crashes: int
    delay_ms: int
    fence: int
    unknown: int = 0
    last: str = ""

    @property
    def priority(self) -> int:
        """The priority, 0 (critical) to 3 (low)."""
        return PRIORITIES[self.stream]

    @property
    def ready_ms(self) -> int:
        """When this delivery became ready, ms since the epoch."""
        return int(self.entry.partition("-")[0])


class Fetched(msgspec.Struct, array_like=True, frozen=True):
    """What a fetch or a recover brought."""

    status: str
    now_us: int
    deliveries: list[Delivery]


class Settlement(msgspec.Struct, frozen=True):
    """One attempt to settle: what it came to, what to write.

    ``known`` says that its delivery was not plain: the job asks for something, or was delivered
    before. ``delay_ms`` is None for a terminal state. ``fields`` is a flat list of names
    and values of the job's state hash.
    """

    id: str
    token: str
    known: bool
    name: str
    state: str
    delay_ms: int | None
    fields: Sequence[str | int]
    payload: str


class Return(msgspec.Struct, array_like=True, frozen=True):
    """One job to hand back."""

    id: str
    token: str


class Ended(msgspec.Struct, array_like=True, frozen=True):
    """A job whose last row PostgreSQL has; ``keep_ms`` is 0 to keep no result."""

    job_id: str
    execution_id: str
    keep_ms: int


class Recorded(msgspec.Struct, frozen=True):
    """One journal entry that PostgreSQL has.

    ``size`` is the entry's, in bytes; ``rows`` the number of its records. ``bad`` ones are
    kept raw for an operator, since PostgreSQL could not hold them.
    """

    entry: str
    size: int
    rows: int
    ended: Sequence[Ended]
    bad: Sequence[bytes] = ()


class Rule(msgspec.Struct, array_like=True, frozen=True):
    """One limit of a queue, a name or a key, as the ``rules`` script takes it.

    ``n`` is None to take it back; ``per_ms`` is None for what is no rate.
    """

    label: str
    kind: str
    name: str | None
    keyed: bool
    n: int | None
    per_ms: int | None


class Bound(msgspec.Struct, frozen=True):
    """How many, and within how many ms; ``per`` is None for what is no rate."""

    n: int
    per: int | None = None


class Ruled(msgspec.Struct, frozen=True):
    """A rule as Redis keeps it: what code declares, what an operator set, what counts."""

    label: str
    kind: str
    n: int
    per: int | None = None
    name: str | None = None
    keyed: bool = False
    declared: Bound | None = None
    set: Bound | None = None


class Report(msgspec.Struct, array_like=True, frozen=True):
    """How far a running job is; ``progress`` is JSON."""

    id: str
    token: str
    progress: str


class Firing(msgspec.Struct, frozen=True):
    """An occurrence of a schedule, and what is to become of it; times in ms since the epoch.

    ``skip`` says why it is not enqueued. ``others`` are those before it that are skipped as
    well, for the reason ``why``; there are more of them, after ``since_ms``, where that is set.
    """

    time_ms: int
    due_ms: int
    skip: str = ""
    overlap: str = "allow"
    triggered: bool = False
    why: str = ""
    since_ms: int | None = None
    others: Sequence[int] = ()


class Settled(msgspec.Struct, array_like=True, frozen=True):
    """What became of an occurrence, as ``fire`` writes it down; times in ms since the epoch."""

    version: int
    schedule: str
    time_ms: int
    due_ms: int
    now_ms: int
    name: str
    outcome: str
    reason: str
    job_id: str
    triggered: int


class Watched(msgspec.Struct, array_like=True, frozen=True):
    """What a job came to: a terminal state and its JSON, ``waiting`` or ``gone``.

    In an inbox it may also be ``progress`` with the report as JSON.
    """

    id: str
    state: str
    payload: str


class Record(msgspec.Struct, array_like=True, frozen=True):
    """What producers said of a job, and where it was put; ``spec`` is packed."""

    place: str
    entry: str
    flags: int
    name: str
    enqueued_ms: int
    spec: msgspec.Raw

    @property
    def priority(self) -> Priority:
        """The priority of the job."""
        return Priority(int(self.place[-1]))


class Looked(msgspec.Struct, array_like=True, frozen=True):
    """What is known of a job; ``state`` is empty when there is no such job.

    ``token`` is that of its present or last delivery.
    """

    state: str
    worker: str | None
    due_ms: int | None
    run: int
    attempts: int
    deliveries: int
    crashes: int
    result: str | None
    error: str | None
    progress: str | None
    token: str | None
    record: Record | None


class Promoted(msgspec.Struct, frozen=True):
    """What a promotion did; ``next_ms`` is None when nothing is scheduled."""

    count: int
    next_ms: int | None
    now_ms: int


class Leases(msgspec.Struct, frozen=True):
    """When the lease of each worker of a queue ends; times in ms on the server's clock."""

    now_ms: int
    expiries: Mapping[str, int]


class Reclaimed(msgspec.Struct, frozen=True):
    """What a sweep took back: jobs made ready again, jobs ended, whether more remain."""

    returned: int
    ended: int
    more: bool
    taken: bool


watched = msgspec.msgpack.Decoder(Watched)
looked = msgspec.msgpack.Decoder(Looked)
ruled = msgspec.msgpack.Decoder(dict[str, Ruled])
settled = msgspec.msgpack.Decoder(Settled)
skipped = msgspec.msgpack.Decoder(tuple[str, int | None, list[int]])
