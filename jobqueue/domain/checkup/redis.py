"""Checks of the servers that hold the jobs."""

from collections.abc import Iterator
from functools import partial

from jobqueue.domain.checkup.facts import Facts, RedisFacts
from jobqueue.domain.checkup.findings import Finding, Severity, finding
from jobqueue.domain.wording import duration

SLOW = 0.02  # seconds for a round trip above which every job is late
VERY_SLOW = 1.0
FULL, NEARLY_FULL = 0.95, 0.8  # shares of the memory
_finding = partial(finding, "redis")


def check(facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong with Redis."""
    for problem in facts.redis_away:
        yield _finding(
            Severity.ERROR,
            "away",
            f"it can't be asked, and what needs it was not looked at: {problem}",
            "start it, or correct JOBQUEUE_REDIS_URL (jobqueue config shows where it came from)",
        )
    for server in facts.redis:
        yield from version(server)
        yield from master(server)
        yield from eviction(server)
        yield from durability(server)
        yield from writes(server)
        yield from memory(server)
        yield from latency(server)


def version(server: RedisFacts) -> Iterator[Finding]:
    """Yield whether the server is too old."""
    if server.supported is not None:
        yield _finding(
            Severity.ERROR,
            "version",
            f"{_name(server)} is too old: no service starts",
            f"upgrade to {server.flavour} {server.supported} or newer",
        )


def master(server: RedisFacts) -> Iterator[Finding]:
    """Yield whether the server refuses writes because it follows another."""
    if not server.master:
        yield _finding(
            Severity.ERROR,
            "replica",
            f"{_name(server)} is a replica and takes no jobs",
            "name its master in JOBQUEUE_REDIS_URL, or its Sentinels: "
            "redis+sentinel://host:26379/name",
        )


def eviction(server: RedisFacts) -> Iterator[Finding]:
    """Yield whether the server may throw waiting jobs away."""
    if server.policy in (None, "noeviction"):
        return
    when = "when its memory is full" if server.maxmemory else "as soon as maxmemory is set"
    yield _finding(
        Severity.ERROR if server.maxmemory else Severity.WARNING,
        "eviction",
        f"{_name(server)}: maxmemory-policy is {server.policy}: it throws jobs away {when}",
        "redis-cli CONFIG SET maxmemory-policy noeviction",
    )


def durability(server: RedisFacts) -> Iterator[Finding]:
    """Yield whether a restart of the server loses jobs."""
    if server.aof is False:
        yield _finding(
            Severity.ERROR,
            "aof",
            f"{_name(server)}: AOF is off: a restart loses jobs",
            "redis-cli CONFIG SET appendonly yes",
        )
    elif server.fsync == "no":
        yield _finding(
            Severity.WARNING,
            "fsync",
            f"{_name(server)}: appendfsync is no: a power cut loses the jobs of half a minute",
            "redis-cli CONFIG SET appendfsync everysec",
        )


def writes(server: RedisFacts) -> Iterator[Finding]:
    """Yield whether the server's disk fails it."""
    if not server.writes:
        yield _finding(
            Severity.ERROR,
            "disk",
            f"{_name(server)} could not write to its disk: it may refuse jobs, and lose some",
            "redis-cli INFO persistence",
        )


def memory(server: RedisFacts) -> Iterator[Finding]:
    """Yield whether the server's memory is used up, or has no bound and soon will be."""
    bound = server.maxmemory or server.system_memory
    share = server.used_memory / bound if bound else 0.0
    if share < NEARLY_FULL:
        return
    whose = "of maxmemory" if server.maxmemory else "of the machine's memory, without a maxmemory"
    yield _finding(
        Severity.ERROR if share >= FULL else Severity.WARNING,
        "memory",
        f"{_name(server)} uses {share:.0%} {whose}: full, it refuses new jobs",
        "jobqueue queues",
    )


def latency(server: RedisFacts) -> Iterator[Finding]:
    """Yield whether the server answers late."""
    if server.latency < SLOW:
        return
    yield _finding(
        Severity.ERROR if server.latency >= VERY_SLOW else Severity.WARNING,
        "latency",
        f"{_name(server)} answers after {duration(server.latency)}: "
        "each enqueue and each empty slot of a worker waits for that",
        "redis-cli --latency",
    )


def _name(server: RedisFacts) -> str:
    at = f" at {server.place}" if server.place else ""
    return f"{server.flavour} {server.version}{at}"
