"""What an examination comes to."""

from enum import StrEnum

import msgspec

from jobqueue.domain.checkup.facts import PostgresFacts, RedisFacts
from jobqueue.domain.wording import counted


class Severity(StrEnum):
    """How bad a finding is, the worst first."""

    ERROR = "error"  # jobs are lost or stand still, now or at the next restart
    WARNING = "warning"  # this will become an error, or makes jobs late
    NOTE = "note"  # what could not be looked at, or may be meant


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong.

    Args:
        severity: How bad it is.
        where: ``redis``, ``postgresql``, ``clock``, ``services``, ``queues`` or ``settings``.
        check: Word for programs; it stays the same when the text changes.
        problem: What was found, and what comes of it.
        remedy: What mends it, or shows more: a command, or a setting.
    """

    severity: Severity
    where: str
    check: str
    problem: str
    remedy: str


def finding(where: str, severity: Severity, check: str, problem: str, remedy: str) -> Finding:
    """Return a finding; a module of checks names its place once."""
    return Finding(severity=severity, where=where, check=check, problem=problem, remedy=remedy)


def jobs_wait(n: int) -> str:
    """Return ``1 job waits`` or ``2 jobs wait``."""
    return f"{counted(n, 'job')} wait{'s' * (n == 1)}"


class Checkup(msgspec.Struct, frozen=True, kw_only=True):
    """An examined installation.

    Args:
        findings: What is wrong, the worst first; empty where nothing is.
        redis: Each server that answered.
        postgres: The database, if there is one that answered.
    """

    findings: tuple[Finding, ...]
    redis: tuple[RedisFacts, ...]
    postgres: PostgresFacts | None

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return all(each.severity is not Severity.ERROR for each in self.findings)
