"""The demo checks itself: what the history says against what was counted without it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.demonstration import library, questions
from scripts.demonstration.jobs import DELAY, RETRY
from scripts.demonstration.questions import History

ATTEMPTS = RETRY.retries + 1


@dataclass(frozen=True)
class Known:
    """What is known without the history.

    Args:
        accepted: Ids of the jobs that were enqueued.
        paths: The files.
        ticks: Occurrences of the schedule that ended, as Redis counted them.
        left: Jobs and records that are still in Redis.
    """

    accepted: frozenset[str]
    paths: frozenset[Path]
    ticks: int
    left: int


@dataclass(frozen=True)
class Totals:
    """The numbers of the last line."""

    jobs: int
    succeeded: int
    dead: int
    rows: int
    lost: int
    doubled: int

    @property
    def good(self) -> bool:
        """Whether each job has ended exactly once."""
        return self.lost == self.doubled == 0

    def __str__(self) -> str:
        return (
            f"demo: {self.jobs} jobs, {self.succeeded} succeeded, {self.dead} dead letters, "
            f"{self.rows} history rows, {self.lost} lost, {self.doubled} doubled"
        )


def totals(history: History, known: Known) -> Totals:
    """Count jobs and rows, and find what was lost or doubled.

    A job is lost when it was accepted and has no final row; it is doubled when it has two,
    when it succeeded twice, or when nobody enqueued it.
    """
    rows = history.ask(questions.JOBS)
    ended = {row.job_id for row in rows if row.final}
    ticks = {row.job_id for row in rows if row.tick}
    doubled = [row for row in rows if row.final > 1 or row.succeeded > 1]
    strangers = {row.job_id for row in rows} - ticks - known.accepted
    return Totals(
        jobs=len(known.accepted) + max(known.ticks, len(ticks)),
        succeeded=sum(row.succeeded > 0 for row in rows),
        dead=len(history.ask(questions.DEAD)),
        rows=sum(row.rows for row in rows),
        lost=len((known.accepted | ticks) - ended) + max(0, known.ticks - len(ticks)),
        doubled=len(doubled) + len(strangers),
    )


def verdicts(history: History, known: Known, sums: Totals) -> Iterator[tuple[bool, str]]:
    """Give each check: whether it holds, and what it says."""
    yield sums.good, f"each of {sums.jobs:,} jobs has exactly one final row"
    yield known.left == 0, "nothing is left in Redis: no job, and no record to copy"
    dead = history.ask(questions.DEAD)
    yield _lines(history, known, {Path(row.path) for row in dead if row.path})
    yield _dead(dead)
    outcomes = [each for each in history.one(questions.FLAKY).outcomes or [] if each != "lost"]
    flaky = ["failed"] * (ATTEMPTS - 1) + ["succeeded"]
    yield outcomes == flaky, f"the flaky job succeeded on attempt {len(outcomes)}"
    waited = float(history.one(questions.DELAYED).seconds or 0)
    yield waited >= DELAY, f"the job delayed by {DELAY:g} s started after {waited:.1f} s"
    yield known.ticks > 0, f"the schedule fired {known.ticks} times, and each made one job"
    yield _recovered(history.ask(questions.RECOVERED))


def _lines(history: History, known: Known, dead: set[Path]) -> tuple[bool, str]:
    found = history.one(questions.FOUND)
    counted = library.lines(known.paths - dead)
    said = "as a direct count says" if found.lines == counted else f"but there are {counted:,}"
    return found.lines == counted, f"SQL sums up {found.lines or 0:,} lines, {said}"


def _dead(dead: list[Any]) -> tuple[bool, str]:
    kinds = {library.failure(Path(row.path)) if row.path else None for row in dead}
    good = kinds == {"encoding", "syntax"} and all(row.attempts == ATTEMPTS for row in dead)
    return good, f"each dead letter had {ATTEMPTS} attempts; its file can't be parsed here either"


def _recovered(recovered: list[Any]) -> tuple[bool, str]:
    good = bool(recovered) and all(row.ended_by != row.lost_with for row in recovered)
    return good, f"{len(recovered)} jobs of the killed worker were ended by the other one"
