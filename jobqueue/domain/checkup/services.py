"""Checks of the services: which are missing, which have trouble, and what the dead have left."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from jobqueue.domain import obstacles
from jobqueue.domain.checkup.facts import Facts, LeaseFacts, QueueFacts
from jobqueue.domain.checkup.findings import Finding, Severity, finding, jobs_wait
from jobqueue.domain.wording import counted, duration

Trouble = tuple[Mapping[str, Any], Sequence[str], str]  # a service, its duties, the problem

ADOPTED = 30.0  # seconds after which another recorder should have taken over; it does after 5
_finding = partial(finding, "services")


def check(facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong with the services."""
    if facts.services is None:
        return
    yield from schedulers(facts)
    yield from recorders(facts)
    yield from troubles(facts)
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
        f"{jobs_wait(waiting)} for a time",
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


def troubles(facts: Facts) -> Iterator[Finding]:
    """Yield what services say that keeps them from their duties, each problem of one once."""
    known = for_lack_of_postgres(facts)
    for each in _told(facts):
        if each not in known:
            service, duties, problem = each
            yield _finding(
                Severity.ERROR,
                "trouble",
                f"{troubled(service, duties)}: {problem}",
                f"jobqueue health {service['role']}",
            )


def for_lack_of_postgres(facts: Facts) -> list[Trouble]:
    """Return the troubles that end with that of PostgreSQL; none where it can be asked."""
    away = facts.postgres_away is not None
    return [each for each in _told(facts) if away and "PostgreSQL" in each[2]]


def troubled(service: Mapping[str, Any], duties: Sequence[str]) -> str:
    """Return a service, and which of its duties."""
    named = ", ".join(duty for duty in duties if duty)  # what is not of a duty is of all
    return f"{service['role']} {service['id']}{f' ({named})' if named else ''}"


def _told(facts: Facts) -> Iterator[Trouble]:
    for service in facts.services or ():
        said: dict[str, list[str]] = {}
        for duty, problem in {"": service.get("problem"), **service.get("duties", {})}.items():
            if problem:
                said.setdefault(problem, []).append(duty)
        yield from ((service, duties, problem) for problem, duties in said.items())


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
            f"queue {queue.view.name}: {jobs_wait(jobs)} for a worker to take them back from "
            f"{len(gone)} that died, the longest {duration(longest)} ago",
            obstacles.start(queue.view.name),
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
