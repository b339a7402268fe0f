"""One typed method for each script: what goes in, what comes out, no I/O.

A :class:`Call` is a request with its reply parser. Lanes send it (``lanes.py``),
asynchronously or not, so both kinds of client share every line here.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Generic, TypeVar

import msgspec

from jobqueue.broker.keys import Keys
from jobqueue.broker.messages import (
    Fetched,
    Firing,
    Leases,
    Looked,
    NewJob,
    Promoted,
    Reclaimed,
    Recorded,
    Report,
    Return,
    Rule,
    Ruled,
    Settlement,
    Watched,
    looked,
    ruled,
    watched,
)
from jobqueue.broker.scripts import Script, script
from jobqueue.domain.codec import storable
from jobqueue.domain.standing import Standing

T = TypeVar("T")

LONGEST_REASON = 1000  # bytes

Value = str | bytes | int | float

_pack = msgspec.msgpack.Encoder().encode


class Call(msgspec.Struct, Generic[T], frozen=True):
    """A script with its arguments and the function that reads its answer."""

    script: Script
    key: str
    args: tuple[Value, ...]
    parse: Callable[[object], T]


KEPT, LOST, CANCELLED = "k", "l", "c"
OK, MORE, FULL, CALLED, STALE = "ok", "more", "full", "called", "stale"  # answers to a fetch
UNKNOWN_ENDING = "died or lost its lease"

_fetched = msgspec.msgpack.Decoder(Fetched)
_standing = msgspec.msgpack.Decoder(Standing)


def _text(reply: object) -> str:
    assert isinstance(reply, bytes)  # noqa: S101 - scripts answer strings; anything else is a bug here
    return reply.decode()


def _bytes(reply: object) -> bytes:
    assert isinstance(reply, bytes)  # noqa: S101 - see _text
    return reply


def _number(reply: object) -> int:
    assert isinstance(reply, int)  # noqa: S101 - see _text
    return reply


def _numbers(reply: object) -> list[int]:
    assert isinstance(reply, list)  # noqa: S101 - see _text
    return reply


def _promoted(reply: object) -> Promoted:
    count, following, now = _numbers(reply)
    return Promoted(count, following if following >= 0 else None, now)


def _leases(reply: object) -> Leases:
    assert isinstance(reply, list)  # noqa: S101 - see _text
    now_ms, *rows = reply
    expiries = {worker.decode(): int(at) for worker, at in zip(rows[::2], rows[1::2], strict=True)}
    return Leases(now_ms, expiries)


def _reclaimed(reply: object) -> Reclaimed:
    returned, ended, more = _numbers(reply)
    return Reclaimed(max(returned, 0), ended, bool(more), returned >= 0)


_alike = attrgetter("priority", "delay_ms", "at_ms", "name", "asks")


def _runs(jobs: Iterable[NewJob]) -> list[tuple[object, ...]]:
    """Say once what jobs that follow each other have in common, and of how many it holds."""
    return [(len([*run]), *common) for common, run in groupby(jobs, _alike)]


def _columns(attempts: Sequence[Settlement]) -> tuple[object, ...]:
    """Turn rows into columns: a script reads eight lists faster than a list of eights."""
    numbered = [*enumerate(attempts, start=1)]
    return (
        [a.id for a in attempts],
        [a.token for a in attempts],
        [a.name for a in attempts],
        [a.state for a in attempts],
        [-1 if a.delay_ms is None else a.delay_ms for a in attempts],
        {number: a.fields for number, a in numbered if a.fields},
        {number: a.payload for number, a in numbered if a.payload},
        [number for number, a in numbered if a.known],
    )


def _joined(parts: Iterable[bytes]) -> tuple[bytes, bytes]:
    """Return the sizes and one argument for all: a thousand arguments cost more than the jobs."""
    parts = list(parts)
    return _pack([len(part) for part in parts]), b"".join(parts)


def seed() -> str:
    """Return the random half of the ids of one call: the last 64 bits of a uuid7."""
    bits = secrets.randbits(62) | 1 << 63
    return f"{bits >> 48:04x}-{bits & 0xFFFFFFFFFFFF:012x}"


class FetchLimits(msgspec.Struct, frozen=True):
    """What every fetch of a worker carries besides its free slots.

    Args:
        lease_ms: Life of the worker's lease.
        journal_bytes: Size of the journal above which nothing is delivered.
        crash_budget: Crashes that end a job.
    """

    lease_ms: int
    journal_bytes: int
    crash_budget: int


class Calls:
    """Makes the calls of one installation; each method stands for one script."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    def _call(self, name: str, queue: str, parse: Callable[[object], T], *args: Value) -> Call[T]:
        return Call(script(name), self.keys.base(queue), args, parse)

    def now_us(self, answer: Sequence[bytes]) -> int:
        """Return the time in µs since the epoch that Redis gave as its answer to ``TIME``."""
        seconds, micros = answer
        return int(seconds) * 1_000_000 + int(micros)

    def register(self, queue: str, partitions: int = 0) -> Call[int]:
        """Make a queue known; answers how many partitions it has, 0 for none.

        ``partitions`` is how many it gets if nobody has split it.
        """
        return Call(script("register"), self.keys.queues, (queue, partitions), _number)

    def enqueue(
        self, queue: str, caller: str, number: int, jobs: Sequence[NewJob], specs: Iterable[bytes]
    ) -> Call[str]:
        """Store jobs with their packed specs; answers a letter for each, and the ids of others.

        What the letters mean stands in ``lua/enqueue.lua``; :mod:`jobqueue.client.batches`
        reads them.
        """
        ids, runs = _pack([job.id for job in jobs]), _pack(_runs(jobs))
        return self._call("enqueue", queue, _text, caller, number, ids, runs, *_joined(specs))

    def fetch(
        self,
        queue: str,
        worker: str,
        number: int,
        slots: int,
        limits: FetchLimits,
        *,
        alone: bool,
        before: Iterable[str] = (),
    ) -> Call[Fetched]:
        """Take up to ``slots`` ready jobs, the highest priority first.

        ``alone`` says that the worker runs a job on its last life already; ``before`` are the
        tokens' keys of queues on the same server that come before this one.
        """
        args = (limits.lease_ms, limits.journal_bytes, limits.crash_budget, int(alone), seed())
        return self._call("fetch", queue, self._fetched, worker, number, slots, *args, *before)

    def recover(
        self, queue: str, worker: str, number: int, lease_ms: int, limit: int
    ) -> Call[Fetched]:
        """Ask for everything that the worker owns."""
        return self._call("recover", queue, self._fetched, worker, number, lease_ms, limit)

    @staticmethod
    def _fetched(reply: object) -> Fetched:
        return _fetched.decode(_bytes(reply))

    def finish(
        self,
        queue: str,
        worker: str,
        number: int,
        attempts: Sequence[Settlement],
        records: Iterable[bytes],
    ) -> Call[str]:
        """Settle attempts; answers a letter for each: kept, lost, or cancelled meanwhile.

        An empty record leaves no row in the history. ``number`` is that of the lane on which a
        worker settles; :meth:`release` counts on with it.
        """
        columns = _pack(_columns(attempts))
        return self._call(
            "finish", queue, _text, f"{worker}/s", number, worker, columns, *_joined(records)
        )

    def release(
        self, queue: str, worker: str, number: int, jobs: Sequence[Return], records: Iterable[bytes]
    ) -> Call[str]:
        """Hand jobs back at no cost; answers a letter for each.

        The record is empty where the handler had not started.
        """
        return self._call(
            "release", queue, _text, f"{worker}/s", number, worker, _pack(jobs), *_joined(records)
        )

    def renew(self, queue: str, worker: str, lease_ms: int) -> Call[int]:
        """Lengthen a lease; answers how much the worker owns, -1 when it is gone."""
        return self._call("renew", queue, _number, worker, lease_ms)

    def reclaim(
        self,
        queue: str,
        worker: str,
        expiry_ms: int,
        limit: int,
        budget: int,
        *,
        ending: str = UNKNOWN_ENDING,
        memory: str = "",
    ) -> Call[Reclaimed]:
        """Take back what a worker held whose lease was seen to expire at ``expiry_ms``.

        ``ending`` and ``memory`` say in words how it ended and what it used; for the rows.
        """
        return self._call(
            "reclaim", queue, _reclaimed, worker, expiry_ms, limit, budget, ending, memory
        )

    def leases(self, queue: str) -> Call[Leases]:
        """Ask who takes jobs from a queue, and until when."""
        return self._call("leases", queue, _leases)

    def promote(self, queue: str, limit: int) -> Call[Promoted]:
        """Make up to ``limit`` due jobs ready."""
        return self._call("promote", queue, _promoted, limit)

    def recorded(self, queue: str, entries: Sequence[Recorded], bound: int) -> Call[int]:
        """Drop journal entries that PostgreSQL has, and the jobs that they ended."""
        heads = [(each.entry, each.size, each.rows, len(each.bad)) for each in entries]
        ended = [job for each in entries for job in each.ended]
        bad = [record for each in entries for record in each.bad]
        return self._call("recorded", queue, _number, bound, _pack(heads), _pack(ended), *bad)

    def fire(
        self, queue: str, schedule: str, firing: Firing, job: NewJob, spec: bytes
    ) -> Call[str]:
        """Enqueue or skip one occurrence of a schedule, and write it down.

        Answers ``fired``, ``already``, ``early``, ``skipped`` or ``moved``; see ``lua/fire.lua``.
        """
        return self._call(
            "fire",
            queue,
            _text,
            schedule,
            firing.time_ms,
            job.id,
            job.priority,
            job.name,
            spec,
            int(job.asks),
            firing.due_ms,
            firing.skip,
            firing.overlap,
            int(firing.triggered),
            _pack((firing.why, firing.since_ms, firing.others)),
        )

    def watch(self, queue: str, job_id: str, inbox: str) -> Call[Watched]:
        """Ask what a job came to, or leave the address of an inbox."""
        return self._call(
            "watch", queue, lambda reply: watched.decode(_bytes(reply)), job_id, inbox
        )

    def redrive(self, queue: str, letter: str, run: int, job: NewJob, spec: bytes) -> Call[str]:
        """Put a dead letter back as run ``run``: ``redriven`` or ``conflict``."""
        return self._call(
            "redrive",
            queue,
            _text,
            letter,
            job.id,
            run,
            job.priority,
            job.name,
            spec,
            int(job.asks),
        )

    def cancel(self, queue: str, job_id: str, reason: str) -> Call[str]:
        """End a job that waits, or tell its worker; answers its state before, "" for none."""
        # It goes into the row as it is, and PostgreSQL refuses some texts.
        return self._call("cancel", queue, _text, job_id, storable(reason, LONGEST_REASON))

    def progress(self, queue: str, worker: str, reports: Sequence[Report]) -> Call[str]:
        """Note how far jobs of a worker are; answers a letter for each: kept or lost."""
        return self._call("progress", queue, _text, worker, _pack(reports))

    def look(self, queue: str, job_id: str) -> Call[Looked]:
        """Ask what is known of a job."""
        return self._call("look", queue, lambda reply: looked.decode(_bytes(reply)), job_id)

    def why(self, queue: str, job_id: str) -> Call[Standing]:
        """Ask what a job that has not ended waits for, or who runs it."""
        return self._call("why", queue, lambda reply: _standing.decode(_bytes(reply)), job_id)

    def declare(
        self, queue: str, rules: Sequence[Rule], names: Sequence[str]
    ) -> Call[dict[str, Ruled]]:
        """Say what code limits ``queue`` and the jobs of ``names`` to; nothing else counts."""
        return self._rules(queue, "declared", rules, names)

    def set_rule(self, queue: str, rule: Rule) -> Call[dict[str, Ruled]]:
        """Say what an operator limits something to, over what code says; n None ends that."""
        return self._rules(queue, "set", [rule], ())

    def _rules(
        self, queue: str, layer: str, rules: Sequence[Rule], names: Sequence[str]
    ) -> Call[dict[str, Ruled]]:
        return self._call(
            "rules",
            queue,
            lambda reply: ruled.decode(_bytes(reply)),
            layer,
            _pack(rules),
            _pack(names),
        )
