"""Checks of the services: which are missing, which have trouble, and what the dead have left."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobqueue.domain.checkup.facts import Facts, LeaseFacts, QueueFacts
from jobqueue.domain.checkup.findings import Finding, Severity
from jobqueue.domain.wording import counted, duration

ADOPTED = 30.0  # seconds after which another recorder should have taken over; it does after 5


def check(facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong with the services."""
    if facts.services is None:
        return
    yield from schedulers(facts)
    yield from recorders(facts)
    for service in facts.services:
        yield from troubles(service)
    for queue in facts.queues:
        yield from lost_leases(queue, facts.chosen.lease)
        yield from lost_readers(queue)


def schedulers(facts: Facts) -> Iterator[Finding]:
    """Yield whether nobody starts what is due."""
    if any(each["role"] == "scheduler" for each in facts.services or ()):
        return
    waiting = sum(queue.view.scheduled for queue in facts.queues)
    yield _finding(
        Severity.ERROR if waiting else Severity.WARNING,
        "no_scheduler",
        "no scheduler lives: delayed jobs, retries and schedules stand still; "
        f"{_jobs(waiting)} for a time",
        "jobqueue scheduler",
    )


def recorders(facts: Facts) -> Iterator[Finding]:
    """Yield whether nobody writes the history."""
    if any(_records(each) for each in facts.services or ()):
        return
    rows = sum(queue.view.journal for queue in facts.queues)
    yield _finding(
        Severity.ERROR if rows else Severity.WARNING,
        "no_recorder",
        "no recorder lives: workers stop when the journal is full; it holds "
        f"{counted(rows, 'ended attempt')}",
        "jobqueue recorder",
    )


def _records(service: Mapping[str, Any]) -> bool:
    return service["role"] == "recorder" or "recorder" in service.get("duties", {})


def troubles(service: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what a service says that keeps it from its duty."""
    said = {"": service.get("problem"), **service.get("duties", {})}
    for duty, problem in said.items():
        if problem:
            name = f"{service['role']} {service['id']}{f' ({duty})' if duty else ''}"
            yield _finding(
                Severity.ERROR,
                "trouble",
                f"{name}: {problem}",
                f"jobqueue health {service['role']}",
            )


def lost_leases(queue: QueueFacts, lease: float) -> Iterator[Finding]:
    """Yield whether jobs of dead workers were not taken back.

    Any living worker of the queue does that within a lease; so nobody serves it, or those who do
    can't.
    """
    gone: Sequence[LeaseFacts] = [
        each for each in queue.leases if each.ended > 2 * lease and each.jobs
    ]
    if gone:
        jobs, longest = sum(each.jobs for each in gone), max(each.ended for each in gone)
        yield _finding(
            Severity.ERROR,
            "lost_leases",
            f"queue {queue.view.name}: {_jobs(jobs)} for a worker to take them back from "
            f"{len(gone)} that died, the longest {duration(longest)} ago",
            f"jobqueue worker --queues {queue.view.name}",
        )


def lost_readers(queue: QueueFacts) -> Iterator[Finding]:
    """Yield each recorder that is gone with entries in its hands."""
    for each in queue.readers:
        if each.entries and each.silent > ADOPTED:
            yield _finding(
                Severity.ERROR,
                "lost_reader",
                f"queue {queue.view.name}: recorder {each.recorder} has been silent for "
                f"{duration(each.silent)} and holds {each.entries} journal entries",
                "jobqueue recorder",
            )


def _jobs(n: int) -> str:
    return f"{counted(n, 'job')} wait{'s' * (n == 1)}"


def _finding(severity: Severity, check: str, problem: str, command: str) -> Finding:
    return Finding(
        severity=severity, where="services", check=check, problem=problem, command=command
    )
