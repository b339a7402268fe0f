"""The oracles of the fault suite can fail: each sees what is wrong in a made-up history."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.faults import oracles, recovery
from scripts.faults.plan import AT_ONCE, STARTS, Planned
from scripts.faults.registry import Injection
from scripts.faults.service import Exit
from scripts.faults.truth import Effect, Job, Note, Row, Truth

NOON = 1_000_000.0  # seconds since the epoch, and of the monotonic clock
WORKER, OTHER = 11, 22


def job(number: int = 1, kind: str = "quick", **fields: Any) -> Job:
    """Return an accepted job."""
    known = {name: fields.pop(name) for name in ("status", "cancel") if name in fields}
    plan = replace(Planned(number, kind, "main", 2), **fields)
    return Job(str(number), plan, NOON, **{"status": "created", **known})


def row(of: Job, at: float = 1.0, delivery: int = 1, **fields: Any) -> Row:
    """Return the row of a job that was fetched some seconds after noon and took 0.1 s."""
    fetched = NOON + at
    stamp = f"{round(fetched * 1000):012x}"
    made = Row(
        id=f"{stamp[:8]}-{stamp[8:]}-7000-8000-{of.plan.number:06x}{delivery:06x}",
        job_id=of.id, run=0, attempt=1, delivery=delivery, final=True, outcome="succeeded",
        queue="main", name=of.plan.kind, priority=of.plan.priority, worker=f"host-{WORKER}-ab",
        crashes=0, reason="", error="", enqueued=NOON, ready=NOON + of.plan.delay,
        started=fetched + 0.01, finished=fetched + 0.11, retry=None,
    )  # fmt: skip
    return replace(made, **fields)


def note(of: Row, fence: int | None = None) -> Note:
    """Return what the handler of a row noted when it began."""
    began = of.started or of.finished
    number = of.delivery if fence is None else fence
    return Note("began", began, of.job_id, of.delivery, number, of.attempt, of.name, WORKER, "")


def truth(jobs: Iterable[Job], rows: list[Row], **fields: Any) -> Truth:
    """Return a history in which every row has its note, and every success its effect."""
    notes = [note(each) for each in rows if each.started]
    wrote = [each for each in rows if each.outcome == "succeeded"]
    made = Truth(
        jobs={each.id: each for each in jobs}, ours=frozenset(), rows=rows, notes=notes,
        effects={r.job_id: Effect(1, r.delivery, (r.delivery,)) for r in wrote},
        injections=[], epoch=0.0,
    )  # fmt: skip
    return replace(made, **fields)


def failing(found: Truth) -> set[str]:
    """Return the names of the oracles that see something wrong."""
    return {verdict.name for verdict in oracles.ask(found) if verdict.problems}


def lost(of: Job, **fields: Any) -> list[Row]:
    """Return the rows of a job whose first worker was lost."""
    first = row(of, final=False, outcome="lost", attempt=1, crashes=1, **fields)
    other = f"host-{OTHER}-cd"
    return [first, row(of, at=5, delivery=2, worker=other, crashes=1, ready=NOON + 4.5)]


KILLED = Injection("kill-worker", NOON + 1.05, "loops", [WORKER], NOON + 1.05)


def test_all_is_well() -> None:
    """A history without faults, and one with a killed worker, satisfy every oracle."""
    one, two = job(1), job(2, "delayed", delay=0.5)
    assert failing(truth([one, two], [row(one), row(two)])) == set()
    assert failing(truth([one], lost(one), injections=[KILLED])) == set()


def test_no_end() -> None:
    """An accepted job without a final row is lost, also when it had begun."""
    one, two = job(1), job(2)
    begun = row(two, final=False, outcome="released")
    found = truth([one, two], [begun], injections=[KILLED])
    assert failing(found) == {"every accepted job has one end"}
    assert found.lost == [one, two]


def test_two_ends() -> None:
    """A second final row is seen, and that the job went on after its end."""
    one = job()
    found = truth([one], [row(one), row(one, at=2, delivery=2, attempt=2)])
    assert {"every accepted job has one end", "attempts are contiguous"} <= failing(found)


@pytest.mark.parametrize("status", ["refused", "duplicate"])
def test_a_job_that_was_not_accepted(status: str) -> None:
    """What the producer was told is not there may not run; nor may what nobody enqueued."""
    one = job(status=status)
    assert failing(truth([one], [row(one)])) == {"nothing runs that was not enqueued"}
    assert failing(truth([], [row(one)])) == {"nothing runs that was not enqueued"}
    unsure = replace(one, status="uncertain")
    assert failing(truth([unsure], [row(unsure)])) == failing(truth([unsure], [])) == set()


def test_another_end_than_planned() -> None:
    """A job that should succeed and failed, or that was cancelled and ran."""
    one = job()
    dead = row(one, outcome="failed", reason="retries_exhausted")
    assert failing(truth([one], [dead])) == {"jobs end as they should"}
    stopped = job(kind="cancelled", cancel="cancelled")
    assert failing(truth([stopped], [row(stopped, at=9)])) == {"jobs end as they should"}


def test_a_refused_writer_that_counted() -> None:
    """A handler that the store refused must have lost its lease: its outcome is no row."""
    one = job(kind="flaky")
    error = "scripts.faults.store.TooLateError"
    refused = row(one, final=False, outcome="failed", error=error)
    again = [row(one, at=at, delivery=n, attempt=n, final=n == 3) for at, n in ((2, 2), (3, 3))]
    again[0] = replace(again[0], outcome="failed")
    assert failing(truth([one], [refused, *again])) == {"jobs end as they should"}


def test_a_gap_in_the_attempts() -> None:
    """Attempts 1 and 3."""
    one = job(kind="flaky")
    rows = [
        row(one, at=at, delivery=n, attempt=n, final=n == 3, outcome=outcome)
        for at, n, outcome in ((1, 1, "failed"), (3, 3, "succeeded"))
    ]
    assert failing(truth([one], rows)) >= {"attempts are contiguous"}


def test_a_delivery_without_a_row() -> None:
    """A handler began and no row says so."""
    one = job()
    rows = lost(one)
    found = truth([one], rows[1:], notes=[note(each) for each in rows], injections=[KILLED])
    assert failing(found) == {"one row for each delivery that began"}


def test_fences_that_do_not_grow() -> None:
    """A delivery that ran twice, and a later delivery with a lower fence."""
    one = job()
    first, second = lost(one)
    name = "a delivery runs once, and its fence grows"
    twice = [note(first), note(second), note(second)]
    assert failing(truth([one], [first, second], notes=twice, injections=[KILLED])) == {name}
    lower = [note(first, fence=3), note(second)]
    assert failing(truth([one], [first, second], notes=lower, injections=[KILLED])) == {name}


def test_effects_that_do_not_fit() -> None:
    """A success without an effect, an effect of a failure, of nobody, and late ones."""
    name = "no two attempts have effects"
    one, two = job(), job(kind="doomed")
    assert failing(truth([one], [row(one)], effects={})) == {name}
    dead = [row(two, at=at, delivery=n, attempt=n, outcome="failed", final=n == 2)
            for at, n in ((1, 1), (2, 2))]  # fmt: skip
    assert failing(truth([two], dead, effects={two.id: Effect(1, 1, (1,))})) == {name}
    for fences in ((1, 9), (2, 1)):
        effects = {one.id: Effect(1, 9, fences)}
        assert failing(truth([one], lost(one), effects=effects, injections=[KILLED])) == {name}


def test_an_early_start() -> None:
    """Before its delay is over, or before a retry is due; by either clock."""
    one = job(kind="delayed", delay=2.0)
    assert failing(truth([one], [row(one, at=1.5)])) == {"nothing starts early"}
    late = row(one, at=3)
    early = replace(note(late), at=NOON + 1.9)
    assert failing(truth([one], [late], notes=[early])) == {"nothing starts early"}
    two = job(kind="doomed")
    first = row(two, outcome="failed", final=False, retry=NOON + 4)
    assert failing(
        truth([two], [first, row(two, at=3.5, delivery=2, attempt=2, outcome="failed")])
    ) == {"nothing starts early"}


def test_locks_that_overlap() -> None:
    """Two holders of one key; after a lost one the next may begin at once."""
    one, two = (job(n, "locked", key="a") for n in (1, 2))
    found = truth([one, two], [row(one), row(two, at=1.05)])
    assert failing(found) == {"locks never overlap"}
    taken = lost(one, finished=NOON + 4)
    assert failing(truth([one, two], [*taken, row(two, at=6)], injections=[KILLED])) == set()


def test_limits_and_rates_that_are_exceeded() -> None:
    """One more than allowed at once, or within a second."""
    many = [job(n, "limited") for n in range(AT_ONCE + 1)]
    assert failing(truth(many, [row(each) for each in many])) == {"limits hold"}
    fast = [job(n, "rated") for n in range(STARTS + 1)]
    assert failing(truth(fast, [row(each) for each in fast])) == {"rates hold"}


def test_unique_jobs_together() -> None:
    """The second was stored while the first had not ended."""
    one, two = (job(n, "unique", key="a") for n in (1, 2))
    rows = [row(one), row(two, at=2, enqueued=NOON + 1.05)]
    assert failing(truth([one, two], rows)) == {"unique jobs are alone"}


def test_a_priority_that_was_passed_over() -> None:
    """A lower one was fetched while a higher one was ready."""
    low, high = job(1, priority=3), job(2, priority=0)
    assert failing(truth([low, high], [row(low), row(high, at=1.2)])) == {"priorities hold"}
    ready_later = row(high, at=1.2, ready=NOON + 1.1)
    assert failing(truth([low, high], [row(low), ready_later])) == set()


def test_a_second_delivery_that_nothing_explains() -> None:
    """No fault at all, another worker's fault, or one long before."""
    one = job()
    other = replace(KILLED, pids=[OTHER])
    before = replace(KILLED, began=NOON - 100, ended=NOON - 99)
    harmless = replace(KILLED, fault="script-flush")
    for injections in ([], [other], [before], [harmless]):
        found = truth([one], lost(one), injections=injections)
        assert failing(found) == {"second deliveries are explained"}


def test_a_fault_that_explains_only_what_had_not_begun() -> None:
    """Behind a line that swallows answers a worker may lose what it has never heard of."""
    one = job()
    first, second = lost(one)
    deaf = replace(KILLED, fault="half-open")
    found = truth([one], [first, second], notes=[note(second)], injections=[deaf])
    assert failing(found) == set()
    begun = truth([one], [first, second], injections=[deaf])
    assert failing(begun) == {"second deliveries are explained"}


def test_a_process_that_was_hit_twice() -> None:
    """What it had in hand the second time says nothing about the first."""
    one, again = job(), replace(KILLED, began=NOON + 2, ended=NOON + 2)
    rows = lost(one, finished=NOON + 4)
    found = truth([one], rows, injections=[KILLED, again])
    assert recovery.seconds(found, KILLED) is None
    assert recovery.seconds(found, again) == pytest.approx(3.01)


def test_what_is_left_behind(tmp_path: Path) -> None:
    """Keys of Redis, and services that ended."""
    found = truth([], [], left=["jobqueue:{main}:lock:a: is left behind"])
    assert failing(found) == {"Redis is back at its baseline"}
    gone = truth([], [], exits=[Exit("loops", 1, tmp_path / "log")])
    assert failing(gone) == {"no service ended by itself"}
