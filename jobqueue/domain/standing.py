"""What a job that has not ended waits for, as Redis tells it; ``lua/why.lua`` fills it in."""

from datetime import datetime

import msgspec

from jobqueue.domain.ids import minted


class LockHeld(msgspec.Struct, frozen=True, kw_only=True):
    """The lock that a job asks for.

    ``owner`` is the other job that has it, with its ``state``, and its ``worker`` and delivery
    ``token`` where it runs; ``ahead`` is how many jobs stand in line before this one, None where
    it stands in no line.
    """

    key: str
    owner: str | None = None
    state: str | None = None
    worker: str | None = None
    token: str | None = None
    ahead: int | None = None

    @property
    def since(self) -> datetime | None:
        """Since when the other job runs; None where it does not."""
        return None if self.token is None else minted(self.token)


class BoundBy(msgspec.Struct, frozen=True, kw_only=True):
    """A limit or a rate that a job is under.

    ``used`` of ``n`` are taken; ``per_ms`` is a rate's period, ``frees_ms`` when it lets this job
    start, None for at once. ``ahead`` is how many jobs wait for it before this one; None where this
    one does not wait for it. A bound of the whole queue keeps nobody aside, so nobody is counted.
    ``note`` makes it a pause: who asked for it, when and why, as JSON.
    """

    scope: str
    kind: str
    n: int
    used: int
    per_ms: int | None = None
    frees_ms: int | None = None
    ahead: int | None = None
    note: str | None = None

    @property
    def full(self) -> bool:
        """Whether it lets no other job start now."""
        return self.used >= self.n if self.kind == "limit" else self.frees_ms is not None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a job stands; times in ms since the epoch on the Redis clock.

    ``state`` is empty where Redis has no such job. ``place`` and ``entry`` name what holds it.
    ``unknown`` counts how often in a row workers did not know its name; ``cancel`` is why it is to
    be cancelled, None where it is not. ``worker``, ``token`` and ``lease_ms``, the end of the
    worker's lease, are those of a running job.
    """

    now_ms: int
    state: str
    name: str = ""
    place: str = ""
    entry: str = ""
    due_ms: int | None = None
    expires_ms: int | None = None
    deadline_ms: int | None = None
    attempts: int = 0
    crashes: int = 0
    unknown: int = 0
    cancel: str | None = None
    worker: str | None = None
    token: str | None = None
    lease_ms: int | None = None
    journal_bytes: int = 0
    journal_rows: int = 0
    lock: LockHeld | None = None
    bounds: list[BoundBy] = []

    @property
    def since(self) -> datetime | None:
        """Since when the job runs; None where it does not."""
        return None if self.token is None else minted(self.token)
