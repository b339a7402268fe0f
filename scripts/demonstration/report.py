"""The report: what the history says, as tables."""

from scripts.demonstration import library, questions
from scripts.demonstration.questions import History
from scripts.demonstration.screen import Screen

MOST = 12  # rows of a table


def show(screen: Screen, history: History) -> None:
    """Print the whole report."""
    screen.heading("Outcomes", "every row is one delivery; one row of each job is final")
    outcomes = history.ask(questions.OUTCOMES)
    screen.table(("OUTCOME", "ROWS", "FINAL"), outcomes)
    screen.heading("Attempts", "jobs by the attempt that ended them")
    screen.table(("JOB", "JOBS", "FIRST", "SECOND", "THIRD"), history.ask(questions.ATTEMPTS))
    _times(screen, history)
    _dead(screen, history)
    _recovered(screen, history)


def _times(screen: Screen, history: History) -> None:
    screen.heading("Times of count_file", "large files have the higher priority")
    rows = [
        (row.priority, row.runs, *map(_ms, (row.run_p50, row.run_p95, row.run_max, row.wait_p50)))
        for row in history.ask(questions.TIMES)
    ]
    screen.table(("PRIORITY", "RUNS", "RUN P50", "RUN P95", "LONGEST", "WAIT P50"), rows)
    screen.heading("Slowest files")
    slowest = [
        (_ms(row.run_seconds), row.lines, library.shown(row.path))
        for row in history.ask(questions.SLOWEST)
    ]
    screen.table(("RUN", "LINES", "FILE"), slowest)


def _dead(screen: Screen, history: History) -> None:
    dead = history.ask(questions.DEAD)
    screen.heading(f"{len(dead)} dead letters", "their files can't be parsed")
    rows = [
        (
            row.attempts,
            screen.cut(library.shown(row.path), 36),
            f"{row.error_type}: {row.error_message}",
        )
        for row in dead[:MOST]
    ]
    screen.table(("ATTEMPTS", "FILE", "ERROR"), rows)
    _more(screen, len(dead))


def _recovered(screen: Screen, history: History) -> None:
    recovered = history.ask(questions.RECOVERED)
    screen.heading(f"{len(recovered)} recovered jobs", "their worker got kill -9")
    rows = [
        (
            screen.cut(library.shown(row.path or "-"), 36),
            row.delivery,
            f"{row.later:.1f} s later",
            row.outcome,
        )
        for row in recovered[:MOST]
    ]
    screen.table(("FILE", "DELIVERY", "STARTED AGAIN", "ENDED"), rows)
    _more(screen, len(recovered))


def _more(screen: Screen, found: int) -> None:
    if found > MOST:
        screen.line(f"  and {found - MOST} more")


def _ms(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
