"""Turns options and arguments into a job that is ready to be sent.

Everything is checked here, before anything is sent: a refusal names the option
or the argument, and nothing is stored.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from jobqueue.broker.messages import NewJob
from jobqueue.client.key_options import KeyOptions
from jobqueue.client.options import (
    JobOptions,
    check_durability,
    check_metadata,
    check_options,
    check_tags,
    moment_ms,
    ms_of,
    parse_priority,
    positive_ms,
    retry_spec,
    until_ms,
)
from jobqueue.domain.arguments import encode
from jobqueue.domain.errors import InvalidJob
from jobqueue.domain.handlers import Handler, LockMode
from jobqueue.domain.ids import check_job_id, check_name, check_queue, uuid7
from jobqueue.domain.jobs import SPEC_VERSION, Priority, Spec
from jobqueue.domain.limits import QueueLimits
from jobqueue.domain.partitions import refused_limits


# gc=False here and in what it holds: they make no cycles, and bulk enqueueing makes many.
class Prepared(msgspec.Struct, frozen=True, gc=False):
    """A checked job that can be sent; made by ``prepare`` and used by ``enqueue_many``."""

    queue: str
    job: NewJob
    spec: bytes
    returns: Any

    def __repr__(self) -> str:
        """Say which job it is; its arguments are not for logs."""
        return f"<job {self.job.id} {self.job.name!r} for {self.queue}, not sent yet>"


class Replicated(Prepared, frozen=True, gc=False):
    """A job whose producer waits until replicas have it; a class, so that others pay nothing."""


class Synced(Replicated, frozen=True, gc=False):
    """A job whose producer waits until it is on the disks of master and replicas."""


_KINDS = {"replicated": Replicated, "synced": Synced}


@dataclass(frozen=True)
class Draft:
    """A job on its way to the queue, as a middleware around enqueue sees it.

    Change it with ``dataclasses.replace``.

    Args:
        name: The job's name; it can't be changed.
        queue: Its queue; None for the default one. A queue that no handler names is served
            only by workers that are told so.
        arguments: By name; those without one are a list under ``"*"``.
        metadata: For people; a good place for a trace's id.
        tags: For people.
    """

    name: str
    queue: str | None
    arguments: Mapping[str, Any]
    metadata: Mapping[str, Any]
    tags: tuple[str, ...]


class Defaults(msgspec.Struct, frozen=True):
    """What a job gets when neither it nor its handler says otherwise; times in seconds."""

    queue: str
    priority: Priority
    max_arguments: int
    idempotency_ttl: float
    queues: Mapping[str, QueueLimits]


_pack = msgspec.msgpack.Encoder().encode
_EMPTY = _pack(None) + _pack(b"")  # no asks, no arguments


class Template:
    """A name with its options, checked once and used for many jobs.

    Args:
        name: Name of the job.
        handler: Its handler, if the code is here.
        options: Options of these jobs.

    Raises:
        InvalidJob: An option is unknown or wrong; the error names it.
    """

    __slots__ = (
        "_at_ms", "_delay_ms", "_job_id", "_keys", "_kind", "_limited", "_lock_missing", "_name",
        "_packed", "_parameters", "_priority", "_queue", "_returns", "_spec",
    )  # fmt: skip

    def __init__(self, name: str, handler: Handler | None, options: JobOptions) -> None:
        check_options(options)
        own = {**_of_handler(handler), **{k: v for k, v in options.items() if v is not None}}
        self._name = check_name(name)
        self._queue = None if own.get("queue") is None else check_queue(own["queue"])
        priority = own.get("priority")
        self._priority = None if priority is None else parse_priority(priority)
        self._delay_ms = ms_of("delay", own.get("delay"))
        self._at_ms = moment_ms("run_at", own.get("run_at"))
        if self._delay_ms is not None and self._at_ms is not None:
            raise InvalidJob("run_at", "give run_at or delay, not both")
        job_id = own.get("job_id")
        self._job_id = None if job_id is None else check_job_id(job_id)
        self._returns = handler.returns if handler else Any
        self._parameters = handler.parameters if handler else None
        durability = own.get("durability")
        self._kind = Prepared if durability is None else _KINDS[check_durability(durability)]
        self._spec = _spec_of(own, handler)
        # Said when a job is made: the handler's own template has no lock yet.
        self._lock_missing = _check_lock_mode(handler, own.get("lock"))
        self._packed = _parts(self._spec)
        self._limited = bool(handler and handler.limits)
        keys = KeyOptions(name, handler, own)
        self._keys = keys if keys.any else None
        if self._delay_ms and keys.within and keys.within <= self._delay_ms:
            raise InvalidJob("expires", "it would expire before its delay is over")

    def draft(self, arguments: dict[str, Any]) -> Draft:
        """Return a job with these arguments for a middleware to look at."""
        metadata = self._spec.metadata
        shown = {} if metadata is None else msgspec.json.decode(metadata)
        return Draft(self._name, self._queue, arguments, shown, self._spec.tags)

    def make_from(self, draft: Draft, defaults: Defaults) -> Prepared:
        """Return the job that a draft has become.

        Raises:
            InvalidJob: What a middleware put in can't be stored, or is nothing that the
                handler takes; it took away what that needs; or it changed the name.
        """
        if draft.name != self._name:
            problem = f"a middleware made {draft.name!r} of {self._name!r}; a job keeps its name"
            raise InvalidJob("name", problem)
        if self._parameters is not None:
            self._parameters.check(draft.arguments)
        queue = None if draft.queue is None else check_queue(draft.queue)
        own = msgspec.structs.replace(
            self._spec,
            metadata=check_metadata(draft.metadata) if draft.metadata else None,
            tags=check_tags(draft.tags),
        )
        return self._make(dict(draft.arguments), queue, defaults, _parts(own))

    def make(self, arguments: dict[str, Any], defaults: Defaults) -> Prepared:
        """Return a job with these arguments.

        Raises:
            InvalidJob: An argument can't be stored, or all together are too large.
        """
        return self._make(arguments, self._queue, defaults, self._packed)

    def _make(
        self,
        arguments: dict[str, Any],
        queue: str | None,
        defaults: Defaults,
        packed: tuple[bytes, bytes],
    ) -> Prepared:
        if self._lock_missing:
            raise InvalidJob("lock", "missing; the handler is declared with lock_mode='required'")
        if self._limited:
            self._refuse_partitions(queue or defaults.queue, defaults)
        raw = encode(arguments, defaults.max_arguments)
        asks = self._keys.ask(arguments, raw, defaults.idempotency_ttl) if self._keys else None
        head, tail = packed
        spec = head + _pack(asks) + _pack(raw) + tail
        job_id = self._job_id or uuid7(time.time_ns() // 1_000_000)
        priority = defaults.priority if self._priority is None else self._priority
        asked = asks is not None
        job = NewJob(job_id, int(priority), self._delay_ms, self._at_ms, self._name, asked)
        return self._kind(queue or defaults.queue, job, spec, self._returns)

    def _refuse_partitions(self, queue: str, defaults: Defaults) -> None:
        declared = defaults.queues.get(queue)
        if declared is not None and declared.partitions:
            raise InvalidJob("queue", refused_limits(queue, declared.partitions, self._name))


def _spec_of(options: Mapping[str, Any], handler: Handler | None) -> Spec:
    """Return the spec of a template's jobs, but for their arguments and asks."""
    retry, metadata = options.get("retry"), options.get("metadata")
    deadline, deadline_in = until_ms("deadline", options.get("deadline"))
    return Spec(
        SPEC_VERSION,
        None,
        b"",
        positive_ms("timeout", options.get("timeout")),
        None if retry is None else retry_spec(retry),
        ms_of("result_ttl", options.get("result_ttl")),
        None if metadata is None else check_metadata(metadata),
        check_tags(options.get("tags", ())),
        deadline,
        deadline_in,
        handler.redact if handler else (),
    )


def _parts(spec: Spec) -> tuple[bytes, bytes]:
    """Return the packed spec of a template without asks and arguments, which differ by job.

    Most of a spec is the same for every job of a template, and packing it takes longer
    than all the rest of making a job.
    """
    packed = _pack(spec)
    head, tail = packed[:2], packed[2 + len(_EMPTY) :]  # the frame and the version; the rest
    return head, tail


def _of_handler(handler: Handler | None) -> dict[str, Any]:
    """Return the options that a handler's declaration gives to its jobs."""
    if handler is None:
        return {}
    options = {
        "queue": handler.queue,
        "priority": handler.priority,
        "result_ttl": handler.result_ttl,
        "expires": handler.expires,
        "deadline": handler.deadline,
        "unique": handler.unique,
        "tags": handler.tags,
        "metadata": handler.metadata,
        "durability": handler.durability,
    }
    return {name: value for name, value in options.items() if value is not None}


def _check_lock_mode(handler: Handler | None, lock: str | None) -> bool:
    """Return whether a lock that the handler requires is missing; refuse one that it forbids."""
    mode = handler.lock_mode if handler else LockMode.OPTIONAL
    if mode is LockMode.FORBIDDEN and lock is not None:
        raise InvalidJob("lock", "not taken; the handler is declared with lock_mode='forbidden'")
    return mode is LockMode.REQUIRED and lock is None
