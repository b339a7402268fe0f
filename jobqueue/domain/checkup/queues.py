"""Checks of the queues: who runs their jobs, and whether their journals flow."""

from collections.abc import Iterator
from functools import partial

from jobqueue.domain import obstacles
from jobqueue.domain.checkup.facts import Facts, QueueFacts
from jobqueue.domain.checkup.findings import Finding, Severity, finding, jobs_wait
from jobqueue.domain.suggest import nearest
from jobqueue.domain.wording import duration

LATE, TOO_LATE = 30.0, 300.0  # seconds that an attempt may wait for its row; usually it is one
HALF = 0.5  # of the journal's bound
_finding = partial(finding, "queues")


def check(facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong with the queues."""
    yield from paused(facts)
    for queue in facts.queues:
        yield from nobody_serves(queue, facts)
        yield from nobody_knows(queue, facts)
        yield from not_in_parts(queue, facts)
        yield from late_journal(queue)
        yield from full_journal(queue, facts.journal_bound)
        yield from refused(queue, facts.chosen.prefix)


def paused(facts: Facts) -> Iterator[Finding]:
    """Yield what operators keep workers from taking: they may have forgotten it."""
    for each in facts.pauses:
        what = "every queue is" if each.queue is None else f"queue {each.queue} is"
        yield _finding(
            Severity.NOTE,
            "paused",
            f"{what} {obstacles.by_whom(each)}",
            f"jobqueue resume {each.queue or '--all'}",
        )


def nobody_serves(queue: QueueFacts, facts: Facts) -> Iterator[Finding]:
    """Yield whether jobs wait in a queue that no living worker serves."""
    name = queue.view.name
    waiting = sum(n for other, _, n in facts.unknown if other == name)
    if waiting and not _served(name, facts):
        yield _finding(
            Severity.ERROR,
            "no_worker",
            f"no live worker serves queue {name}, where {jobs_wait(waiting)}",
            obstacles.start(name),
        )


def nobody_knows(queue: QueueFacts, facts: Facts) -> Iterator[Finding]:
    """Yield each name of waiting jobs that no living worker of the queue declares."""
    declared = {name for each in facts.services or () for name in each.get("names", ())}
    for other, name, waiting in facts.unknown:
        if other == queue.view.name and _served(other, facts):  # else one finding says it all
            near = nearest(name, declared)
            hint = f"; did you mean {near!r}?" if near else ""
            yield _finding(
                Severity.ERROR,
                "unknown_name",
                f"no live worker knows {name}, and {jobs_wait(waiting)} in queue {other}{hint}",
                f"jobqueue queues {other}",
            )


def not_in_parts(queue: QueueFacts, facts: Facts) -> Iterator[Finding]:
    """Yield whether workers serve a split queue as if it were whole."""
    name = queue.view.name
    if name in facts.unserved:
        yield _finding(
            Severity.ERROR,
            "partitions",
            obstacles.no_parts(name),
            obstacles.start(name),
        )


def late_journal(queue: QueueFacts) -> Iterator[Finding]:
    """Yield whether ended attempts wait long for their rows."""
    if queue.journal_age is not None and queue.journal_age >= LATE:
        are = "is" if queue.view.journal == 1 else "are"
        yield _finding(
            Severity.ERROR if queue.journal_age >= TOO_LATE else Severity.WARNING,
            "journal_age",
            f"queue {queue.view.name}: ended attempts have waited for a recorder for "
            f"{duration(queue.journal_age)}; {queue.view.journal} {are} in the journal",
            "jobqueue recorder",
        )


def full_journal(queue: QueueFacts, bound: int) -> Iterator[Finding]:
    """Yield whether a journal nears the bound at which workers stop."""
    share = queue.journal_bytes / bound if bound else 0.0
    if share >= HALF:
        stops = "workers fetch nothing" if share >= 1 else "workers stop at the bound"
        yield _finding(
            Severity.ERROR if share >= 1 else Severity.WARNING,
            "journal_size",
            f"queue {queue.view.name}: its journal takes {share:.0%} of its bound: {stops}",
            "jobqueue recorder",
        )


def refused(queue: QueueFacts, prefix: str) -> Iterator[Finding]:
    """Yield whether PostgreSQL could not hold some rows."""
    if queue.view.journal_bad:
        yield _finding(
            Severity.WARNING,
            "journal_bad",
            f"queue {queue.view.name}: PostgreSQL refused {queue.view.journal_bad} records, "
            "which are kept raw",
            f"redis-cli XRANGE '{prefix}:{{{queue.view.name}}}:journal:bad' - +",
        )


def _served(queue: str, facts: Facts) -> bool:
    return any(queue in each.get("queues", ()) for each in facts.services or ())
