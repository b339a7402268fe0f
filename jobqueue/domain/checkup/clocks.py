"""Checks of the clocks.

Leases, due times and ids go by the clock of Redis alone, so what matters is where another
clock meets it: a producer's in ``run_at`` and deadlines, PostgreSQL's in months and retention.
"""

from collections.abc import Iterator

from jobqueue.domain.checkup.facts import Facts
from jobqueue.domain.checkup.findings import Finding, Severity
from jobqueue.domain.wording import duration

APART, FAR_APART = 1.0, 60.0  # seconds

_SET = "timedatectl set-ntp true"


def check(facts: Facts) -> Iterator[Finding]:
    """Yield clocks that differ from that of Redis."""
    for server in facts.redis:
        name = f"Redis at {server.place}" if server.place else "Redis"
        yield from _differ(
            "host",
            f"the clock of {name}",
            "this host's",
            server.offset,
            "times that are written here come early or late",
        )
    if facts.postgres is not None and facts.redis:
        yield from _differ(
            "postgresql",
            "the clock of PostgreSQL",
            "that of Redis",
            facts.postgres.offset - facts.redis[0].offset,
            "months and retention of the history are off by that",
        )


def _differ(check: str, one: str, other: str, offset: float, what: str) -> Iterator[Finding]:
    if abs(offset) >= APART:
        direction = "ahead of" if offset > 0 else "behind"
        yield Finding(
            severity=Severity.ERROR if abs(offset) >= FAR_APART else Severity.WARNING,
            where="clock",
            check=check,
            problem=f"{one} is {duration(abs(offset))} {direction} {other}: {what}",
            remedy=_SET,
        )
