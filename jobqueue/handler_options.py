"""The options of ``@app.job``, and the handler that they make of a function."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal, TypedDict, TypeVar, Unpack

from jobqueue.client.options import (
    Durability,
    PriorityName,
    Seconds,
    check_durability,
    check_metadata,
    check_tags,
    check_unique,
    parse_priority,
    positive_ms,
    seconds_of,
)
from jobqueue.domain.checks import choice
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.handlers import Handler, LockMode, kind_of
from jobqueue.domain.ids import check_name, check_queue
from jobqueue.domain.jobs import Priority
from jobqueue.domain.limits import Limit, Rate
from jobqueue.domain.retry import Retry
from jobqueue.domain.unique import Unique

T = TypeVar("T")
LockModeName = Literal["optional", "required", "forbidden"]


class HandlerOptions(TypedDict, total=False):
    """Options of a handler; all of them may be left out.

    ``name``: the job's name; else the function's. ``process``: run it in a child process,
    which a timeout can kill.

    For its jobs, which may override them (see :class:`JobOptions`): ``queue``; ``priority``
    (``critical``, ``high``, ``normal`` or ``low``); ``retry`` after a failure (a number or a
    ``Retry``; 0 means one run); ``timeout`` of one attempt; ``deadline`` (time from the
    enqueueing on past which no attempt runs; the earlier of timeout and deadline wins);
    ``expires`` (time from the enqueueing on in which a job must start, or it never does);
    ``unique`` (which jobs are equal, so that only one of them may be unfinished);
    ``result_ttl`` (how long Redis keeps a result that is not ``None``); ``tags`` and
    ``metadata``, for people, in the history; ``durability`` (``"replicated"`` or
    ``"synced"``: enqueueing waits until replicas of Redis have the job, or their disks).

    For all of them: ``is_failure`` gets an exception; where it returns False, the attempt is
    repeated like any other and counts for nothing. ``lock_mode``: whether jobs may, must or
    must not have a ``lock`` key. ``limit``: jobs at once over all workers (a number, or one
    or more ``Limit``). ``rate``: starts within a time over all workers (one or more
    ``Rate``). ``redact``: arguments that logs, history, views and command line show as ``***``.

    Durations are seconds or ``timedelta``.
    """

    name: str | None
    queue: str | None
    priority: PriorityName | Priority | None
    retry: Retry | int | None
    is_failure: Callable[[BaseException], bool] | None
    timeout: Seconds | None
    deadline: Seconds | None
    expires: Seconds | None
    unique: Unique | None
    lock_mode: LockModeName | LockMode
    limit: Limit | int | Iterable[Limit] | None
    rate: Rate | Iterable[Rate] | None
    result_ttl: Seconds | None
    tags: Iterable[str]
    metadata: Mapping[str, Any] | None
    durability: Durability | None
    redact: Iterable[str]
    process: bool


def handler_of(function: Callable[..., Any], **options: Unpack[HandlerOptions]) -> Handler:
    """Return what the options make of a function.

    Raises:
        ConfigurationError: An option is wrong, or the function can't be a handler; the
            error names it.
    """
    kind = kind_of(function, process=options.get("process", False))
    label = function.__qualname__
    _refuse_method(function)
    try:
        handler = Handler(
            name=check_name(_given(options.get("name"), function.__name__)),
            function=function,
            kind=kind,
            queue=_read(check_queue, options.get("queue")),
            priority=_read(parse_priority, options.get("priority")),
            retry=_read(Retry.of, options.get("retry")),
            timeout=_positive("timeout", options.get("timeout")),
            result_ttl=_read(partial(seconds_of, "result_ttl"), options.get("result_ttl")),
            expires=_positive("expires", options.get("expires")),
            deadline=_positive("deadline", options.get("deadline")),
            unique=_read(check_unique, options.get("unique")),
            lock_mode=choice(
                "lock_mode", LockMode, _given(options.get("lock_mode"), LockMode.OPTIONAL)
            ),
            limits=(*bounds(Limit, options.get("limit")), *bounds(Rate, options.get("rate"))),
            tags=check_tags(_given(options.get("tags"), ())),
            metadata=_read(_checked, options.get("metadata")),
            durability=_read(check_durability, options.get("durability")),
            redact=tuple(_given(options.get("redact"), ())),
            is_failure=options.get("is_failure"),
        )
        handler.check()
    except (InvalidJob, ConfigurationError) as error:
        raise ConfigurationError(f"@app.job on {label}: {error}") from error
    return handler


def bounds(kind: type[Limit] | type[Rate], given: Any) -> Iterable[Any]:
    """Return the limits of one kind that an option gives: none, one or several.

    Raises:
        ConfigurationError: It gives something else.
    """
    if given is None:
        return ()
    if kind is Limit and isinstance(given, int):
        return (Limit(given),)
    several = tuple(given) if isinstance(given, Iterable) else (given,)
    for each in several:
        if not isinstance(each, kind):
            raise ConfigurationError(f"{each!r} is no {kind.__name__}")
    return several


def _given(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value


def _read(check: Callable[[Any], T], value: object) -> T | None:
    return None if value is None else check(value)


def _refuse_method(function: Callable[..., Any]) -> None:
    """Refuse a function in the body of a class that wants an instance: no worker has one."""
    owner, _, name = function.__qualname__.rpartition(".")
    first = next(iter(inspect.signature(function).parameters), "")
    method = inspect.isfunction(function) and owner and not owner.endswith("<locals>")
    if method and first in {"self", "cls"}:
        raise ConfigurationError(
            f"@app.job on {function.__qualname__}: a worker has no {first} to call it on; "
            f"declare a function outside of the class, or a method of one object: "
            f"app.job({owner.rpartition('.')[2].lower()}.{name})"
        )


def _positive(option: str, value: Seconds | None) -> float | None:
    return None if positive_ms(option, value) is None else seconds_of(option, value)


def _checked(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    check_metadata(metadata)
    return metadata
