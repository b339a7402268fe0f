"""Checks of settings against what is around them: the platform, the server, the history."""

from collections.abc import Iterator
from functools import partial

from jobqueue.domain.checkup.facts import Durations, Facts
from jobqueue.domain.checkup.findings import Finding, Severity, finding
from jobqueue.domain.wording import duration

CLEANUP = 3.0  # seconds that a worker takes after the grace, to hand jobs back and to close
FEWEST_RUNS = 100  # fewer say nothing about one run in a thousand
HALF = 0.5  # of maxmemory; above it the journal crowds out the jobs
_finding = partial(finding, "settings")


def check(facts: Facts) -> Iterator[Finding]:
    """Yield settings that do not fit."""
    yield from grace(facts)
    yield from timeouts(facts)
    yield from longjobs_wait(facts)
    yield from journal(facts)
    yield from strange(facts)


def grace(facts: Facts) -> Iterator[Finding]:
    """Yield whether the platform kills workers that still wait for their jobs."""
    platform, chosen = facts.platform, facts.chosen
    if platform is not None and chosen.grace + CLEANUP > platform.grace:
        usually = "" if platform.certain else ", unless told otherwise"
        yield _finding(
            Severity.ERROR if platform.certain else Severity.WARNING,
            "grace",
            f"the grace is {duration(chosen.grace)}, and {platform.name} kills after "
            f"{duration(platform.grace)}{usually}: jobs that run then count as crashed",
            f"JOBQUEUE_GRACE={max(0, int(platform.grace - CLEANUP))}s, or {platform.command}",
        )


def timeouts(facts: Facts) -> Iterator[Finding]:
    """Yield each name whose timeout cuts off more than one run in a thousand."""
    if facts.durations is None:
        yield _finding(
            Severity.NOTE,
            "durations",
            "PostgreSQL did not say in time how long the latest runs took: timeouts were not "
            "compared with them",
            "jobqueue stats, or the same command when PostgreSQL is less busy",
        )
    for each in facts.durations or ():
        own = facts.chosen.timeouts.get(each.name)
        timeout = facts.chosen.default_timeout if own is None else own
        if timeout is not None and each.runs >= FEWEST_RUNS and each.p999 >= timeout:
            yield _timeout(each, timeout, "" if own is None else "its own ")


def _timeout(each: Durations, timeout: float, whose: str) -> Finding:
    # Half as much again: those that were cut off would have taken longer.
    more = int(each.p999 * 1.5) + 1
    return _finding(
        Severity.WARNING,
        "timeout",
        f"{each.name}: {whose or 'the default '}timeout of {duration(timeout)} is not above the "
        f"p99.9 of its latest {each.runs:,} runs, {duration(each.p999)}; {each.timed_out:,} of "
        "them ran into it",
        f"@app.job(timeout={more})" if whose else f"JOBQUEUE_DEFAULT_TIMEOUT={more}s",
    )


def longjobs_wait(facts: Facts) -> Iterator[Finding]:
    """Yield whether handlers may run longer than a stopping worker waits."""
    chosen = facts.chosen
    long = sorted(
        name for name, timeout in chosen.timeouts.items() if (timeout or 0) > chosen.grace
    )
    if long:
        yield _finding(
            Severity.NOTE,
            "long_jobs",
            f"a stopping worker waits {duration(chosen.grace)}, and these may run longer; they "
            f"are handed back half done: {', '.join(long)}",
            "jobqueue docs guarantees",
        )


def journal(facts: Facts) -> Iterator[Finding]:
    """Yield whether a full journal would fill Redis before workers stop."""
    limit = facts.chosen.journal_limit or 0
    for server in facts.redis:
        if 0 < server.maxmemory * HALF < limit:
            yield _finding(
                Severity.WARNING,
                "journal_limit",
                f"journal_limit is {limit >> 20} MiB for each queue, and maxmemory "
                f"{server.maxmemory >> 20} MiB: Redis is full before workers stop",
                f"JOBQUEUE_JOURNAL_LIMIT={max(1, server.maxmemory >> 22)}MiB",
            )


def strange(facts: Facts) -> Iterator[Finding]:
    """Yield variables that nothing reads."""
    for problem in facts.chosen.strange:
        yield _finding(Severity.WARNING, "variable", problem, "jobqueue config")
