"""Judges an installation: what is wrong with it, how bad that is, and what mends it.

Facts are gathered once, by others, and hold nothing that could ask again. Each check is a
function from facts to findings, so it says the same in a test as on a server. One rule:
a finding names the command that mends it, or the one that shows more where only a person
can decide.
"""

from collections.abc import Iterator

from jobqueue.domain.checkup import clocks, fitting, postgres, queues, redis, services
from jobqueue.domain.checkup.facts import Facts, PostgresFacts, RedisFacts, TableFacts
from jobqueue.domain.checkup.findings import Checkup, Finding, Severity

__all__ = [
    "Checkup",
    "Facts",
    "Finding",
    "PostgresFacts",
    "RedisFacts",
    "Severity",
    "TableFacts",
    "examine",
]

_CHECKS = (
    redis.check,
    postgres.check,
    clocks.check,
    services.check,
    queues.check,
    fitting.check,
)


def examine(facts: Facts) -> Checkup:
    """Return what is wrong, the worst first, beside the facts that say so."""
    found = list(_found(facts))
    order = list(Severity)
    return Checkup(
        findings=tuple(sorted(found, key=lambda each: order.index(each.severity))),
        redis=facts.redis,
        postgres=facts.postgres,
    )


def _found(facts: Facts) -> Iterator[Finding]:
    for check in _CHECKS:
        yield from check(facts)
