"""Runs the demo: ``scripts/demo``."""

import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

from jobqueue.domain.errors import JobQueueError
from jobqueue.history import migrate
from scripts.common.screen import Screen
from scripts.common.stage import ServiceEnded, Stage
from scripts.demonstration import checks, library, questions, report, stage
from scripts.demonstration.jobs import DELAY, app, count_file, delayed, flaky
from scripts.demonstration.questions import History

JOBS, WITH_CLOCK = "scripts.demonstration.jobs:app", "scripts.demonstration.clock:app"
DEADLINE = 110.0  # seconds for the jobs; they take a tenth of that
LOOK = 0.1


class TooSlow(Exception):
    """Something has not happened in time; the message says what."""


class Demo:
    """One run of the demo.

    Args:
        screen: Where it is shown.
        stage: Where it plays.
        folder: For files that it makes.
    """

    def __init__(self, screen: Screen, stage: Stage, folder: Path) -> None:
        self._screen = screen
        self._stage = stage
        self._folder = folder
        self._until = time.monotonic() + DEADLINE

    def run(self) -> bool:
        """Play it; return whether every check holds."""
        migrate.upgrade(self._stage.database_url)
        self._screen.done("Valkey and PostgreSQL run on sockets in a temporary folder")
        sources = library.sources(self._folder)
        accepted = self._enqueue(sources)
        with closing(History(self._stage.database_url)) as history:
            self._work(history, len(accepted))
            ticks, left = self._settle()
            paths = frozenset(each.path for each in sources)
            known = checks.Known(accepted, paths, ticks, left)
            report.show(self._screen, history)
            return self._check(history, known)

    def _enqueue(self, sources: list[library.Source]) -> frozenset[str]:
        files = [
            count_file.options(priority=each.priority).prepare(str(each.path)) for each in sources
        ]
        others = [flaky.prepare(), delayed.options(delay=DELAY).prepare()]
        with app:
            jobs = app.enqueue_many_sync([*files, *others])
        self._screen.done(f"{len(jobs):,} jobs are accepted; no worker runs yet")
        return frozenset(job.id for job in jobs)

    def _work(self, history: History, total: int) -> None:
        self._stage.start("scheduler", "scheduler", WITH_CLOCK)
        for name in ("worker 1", "worker 2"):
            self._stage.start(name, "worker", JOBS)
        self._screen.done("a scheduler and two workers have been started")
        self._screen.line()
        # Large files come first: half of the work is done by now, and the hands are full.
        self._watch(history, total, total // 4, "two workers")
        self._stage.kill("worker 2")
        self._watch(history, total, total, "worker 2 got kill -9")
        self._screen.end_progress()
        self._screen.done("all jobs have ended; worker 2 got kill -9 on the way")

    def _watch(self, history: History, total: int, goal: int, note: str) -> None:
        """Show the progress until ``goal`` jobs have ended."""
        while (ended := history.one(questions.ENDED).jobs) < goal:
            self._screen.progress(ended, total, note)
            self._pause(f"{total - ended} of {total} jobs have not ended")

    def _settle(self) -> tuple[int, int]:
        """Remove the schedule and let the rest end; return how often it fired and what is left."""
        self._stage.stop("scheduler")
        self._stage.start("scheduler", "scheduler", JOBS)
        while left := _left():
            self._pause(f"{left} jobs and records are still in Redis")
        [ticks] = [
            queue.names["tick"] for queue in app.queue_counts_sync() if "tick" in queue.names
        ]
        self._screen.done("the schedule is removed, everything is recorded")
        return ticks.get("succeeded", 0), left

    def _pause(self, problem: str) -> None:
        self._stage.check()
        if time.monotonic() > self._until:
            raise TooSlow(f"{problem} after {DEADLINE:g} s")
        time.sleep(LOOK)

    def _check(self, history: History, known: checks.Known) -> bool:
        sums = checks.totals(history, known)
        verdicts = list(checks.verdicts(history, known, sums))
        self._screen.heading("Checks")
        for good, text in verdicts:
            self._screen.verdict(good, text)
        good = all(good for good, _ in verdicts)
        self._screen.last(str(sums), good=good)
        return good


def _left() -> int:
    """Return the number of jobs and records that Redis still holds."""
    return sum(
        sum(queue.ready.values()) + queue.running + queue.scheduled + queue.journal
        for queue in app.queue_counts_sync()
    )


@contextmanager
def _interruptible() -> Iterator[None]:
    """Make every polite signal a ``KeyboardInterrupt``, so that everything is put away."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, interrupt)
    yield


def main() -> int:
    """Run the demo; return its exit code."""
    screen = Screen(sys.stdout)
    screen.title(
        "jobqueue demo",
        f"One job for each file of Python {platform.python_version()}'s standard library;",
        "two workers, of which one gets kill -9 in the middle of its work.",
    )
    try:
        with (
            _interruptible(),
            tempfile.TemporaryDirectory(
                prefix="jobqueue-demo-", ignore_cleanup_errors=True
            ) as name,
            stage.opened(Path(name)) as opened,
        ):
            return 0 if Demo(screen, opened, Path(name)).run() else 1
    except KeyboardInterrupt:
        screen.end_progress()
        screen.last("demo: stopped; nothing is left running", good=False)
        return 130
    except (JobQueueError, ServiceEnded, TooSlow) as error:
        screen.end_progress()
        screen.last(f"demo: failed: {error}", good=False)
        return 1
    except BrokenPipeError:  # nobody reads any more; the interpreter would flush once again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
