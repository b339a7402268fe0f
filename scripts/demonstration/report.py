"""The report: what the history says, as tables."""

from pathlib import Path
from typing import Any

from scripts.common.screen import Screen
from scripts.demonstration import library, questions
from scripts.demonstration.questions import History

MOST = 12  # rows of a table


def show(screen: Screen, history: History) -> None:
    """Print the whole report."""
    _found(screen, history)
    screen.heading("Outcomes", "one row for each time a job was handed to a worker")
    screen.table(("OUTCOME", "ROWS", "OF THESE FINAL"), history.ask(questions.OUTCOMES))
    screen.heading("Attempts", "jobs by the attempt that ended them")
    screen.table(("JOB", "JOBS", "FIRST", "SECOND", "THIRD"), history.ask(questions.ATTEMPTS))
    _times(screen, history)
    _dead(screen, history)
    _recovered(screen, history)


def _found(screen: Screen, history: History) -> None:
    found = history.one(questions.FOUND)
    screen.heading("Found", "by SQL from the history alone, like all that follows")
    screen.line(
        f"  {found.files:,} files with {found.lines or 0:,} lines, "
        f"{found.functions or 0:,} functions and {found.classes or 0:,} classes"
    )


def _times(screen: Screen, history: History) -> None:
    screen.heading("Times", "of count_file; the larger a file, the higher its priority")
    rows = [
        (row.priority, row.runs, *map(_time, (row.wait_p50, row.run_p50, row.run_p95, row.run_max)))
        for row in history.ask(questions.TIMES)
    ]
    screen.table(("PRIORITY", "RUNS", "WAIT P50", "RUN P50", "RUN P95", "LONGEST"), rows)
    screen.heading("Slowest files")
    rows = [
        (_time(row.run_seconds), row.lines, library.shown(row.path))
        for row in history.ask(questions.SLOWEST)
    ]
    screen.table(("RUN", "LINES", "FILE"), rows)


def _dead(screen: Screen, history: History) -> None:
    dead = history.ask(questions.DEAD)
    screen.heading("Dead letters", f"{len(dead)} jobs whose file can't be parsed")
    rows = [(row.attempts, *_file_and_error(row)) for row in dead[:MOST]]
    screen.table(("ATTEMPTS", "FILE", "ERROR"), rows)
    _more(screen, len(dead))


def _file_and_error(row: Any) -> tuple[str, str]:
    return Path(row.path).name, f"{row.error_type}: {row.error_message}".replace(row.path, "it")


def _recovered(screen: Screen, history: History) -> None:
    recovered = history.ask(questions.RECOVERED)
    screen.heading("Recovered", f"{len(recovered)} jobs whose worker got kill -9 while it ran them")
    rows = [
        (row.delivery, library.shown(row.path or "-"), f"{row.later:.1f} s later", row.outcome)
        for row in recovered[:MOST]
    ]
    screen.table(("DELIVERY", "FILE", "STARTED AGAIN", "ENDED"), rows)
    _more(screen, len(recovered))


def _more(screen: Screen, found: int) -> None:
    if found > MOST:
        screen.line(f"  and {found - MOST} more")


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
