"""One run of the suite: start, let faults happen, wait until quiet, ask the oracles."""

import time
from contextlib import closing

from scripts.common.screen import Screen
from scripts.faults import collecting, leftovers, oracles, report
from scripts.faults.catalogue import FAULTS
from scripts.faults.injector import Injector
from scripts.faults.options import Options
from scripts.faults.plan import LEASE
from scripts.faults.stage import APP, PRODUCER, SCHEDULERS, Stage
from scripts.faults.truth import Truth

QUIET = 150.0  # seconds after the last fault in which all jobs must have ended, on a busy machine
A_JOB = 0.02  # seconds more for each
LOOK = 0.2


class Run:
    """One run of the suite.

    Args:
        screen: Where it is shown.
        stage: Where it plays.
        chosen: What was asked for.
    """

    def __init__(self, screen: Screen, stage: Stage, chosen: Options) -> None:
        self._screen = screen
        self._stage = stage
        self._chosen = chosen
        self._injector = Injector(stage, [FAULTS[name] for name in chosen.faults])

    def run(self) -> report.Report:
        """Play it, show what it came to, and return that."""
        self._stage.start()
        self._stage.produce()
        self._injector.start()
        self._screen.done("services run, the producer enqueues")
        self._wait_for_faults()
        quiet = self._wait_for_quiet()
        truth = collecting.collect(self._stage, self._injector.injections)
        verdicts = oracles.ask(truth)
        quiet = quiet and not self._injector.errors
        made = report.report(truth, verdicts, self._chosen.seed, LEASE, quiet=quiet)
        self._show(truth, verdicts, made)
        if not made.good:
            self._screen.line(f"repeat: {self._chosen.repeat}")
        return made

    def _wait_for_faults(self) -> None:
        while self._injector.running:
            time.sleep(LOOK)
        self._screen.done(f"faults injected: {len(self._injector.injections)}")

    def _wait_for_quiet(self) -> bool:
        """Let the producer finish and all jobs end; return whether they did in time."""
        until = time.monotonic() + QUIET + A_JOB * self._chosen.jobs
        while not self._stage.crew.services[PRODUCER].finished:
            if time.monotonic() > until:
                return self._too_slow(["the producer"])
            time.sleep(LOOK)
        self._screen.done("the producer has finished")
        self._stage.crew.stop(*SCHEDULERS)  # and with them the schedule
        self._stage.add(SCHEDULERS[0], "scheduler", APP)
        with closing(self._stage.servers.client()) as redis:
            while busy := leftovers.busy(redis):
                if time.monotonic() > until:
                    return self._too_slow(busy)
                time.sleep(LOOK)
        self._injector.join()
        self._screen.done("all is quiet")
        return True

    def _too_slow(self, busy: list[str]) -> bool:
        self._screen.verdict(good=False, text=f"not quiet in time: {', '.join(busy)}")
        return False

    def _show(self, truth: Truth, verdicts: list[oracles.Verdict], made: report.Report) -> None:
        self._screen.heading("Faults")
        self._screen.table(report.HEADERS, [row.cells() for row in made.rows])
        for remark in filter(None, (row.remark() for row in made.rows)):
            self._screen.line(remark)
        for name, problem in self._injector.problems.items():
            self._screen.line(f"{name} was not run: {problem}")
        for error in self._injector.errors:
            self._screen.verdict(good=False, text=f"the suite itself failed: {error}")
        self._screen.heading("Oracles")
        for verdict in verdicts:
            self._screen.verdict(good=not verdict.problems, text=verdict.name)
            for line in report.examples(truth, verdict.problems):
                self._screen.line(f"    {line}")
