"""The operator log as people read it: its entries, and which of them are meant."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypedDict

import msgspec

from jobqueue.domain import checks
from jobqueue.domain.ids import check_job_id, check_queue


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the operator log; comments on the SQL view ``v_operator_log`` explain each field.

    ``filter`` chose the jobs of a command for many; ``details`` is whatever else is worth knowing.
    """

    id: str
    at: datetime
    operator: str
    action: str
    queue: str | None
    job_id: str | None
    filter: dict[str, Any] | None
    reason: str | None
    details: dict[str, Any] | None


class LogFilter(TypedDict, total=False):
    """Which entries are meant: those that fit all that is given; None means any.

    ``who``, an operator, or the part before the ``@``; ``what``, a command such as
    ``dlq.retry``, or the first word of several such as ``dlq``; ``queue`` and ``job_id`` that it
    was done to, where it was one; ``since`` and ``until``, aware datetimes (``until`` itself is
    not in it).
    """

    who: str | None
    what: str | None
    queue: str | None
    job_id: str | None
    since: datetime | None
    until: datetime | None


def check(where: LogFilter) -> None:
    """Refuse a filter that nothing can fit.

    Raises:
        ConfigurationError: It says something that no entry has.
        InvalidJob: A value can't be right.
    """
    checks.named("the operator log", where, LogFilter.__annotations__)
    for option, value in where.items():
        if value is not None:
            _CHECKS[option](option, value)


_CHECKS: dict[str, Callable[[str, object], object]] = {
    "who": checks.text,
    "what": checks.text,
    "queue": lambda _, value: check_queue(value),
    "job_id": lambda _, value: check_job_id(value),
    "since": checks.moment,
    "until": checks.moment,
}
