"""The table, the last line and the JSON."""

from collections.abc import Iterator, Sequence
from statistics import median

import msgspec

from scripts.faults import recovery
from scripts.faults.catalogue import FAULTS
from scripts.faults.oracles import Verdict, explained
from scripts.faults.truth import Truth

EXAMPLES = 5
HEADERS = ("fault", "jobs", "times", "lost", "second deliveries", "recovered s", "longest s")


class Figures(msgspec.Struct, frozen=True):
    """What one fault did.

    Attributes:
        jobs: Jobs that were accepted; of the whole run where it had several faults.
        lost: Those of them that never ended.
        second: Deliveries that had to be repeated and that it explains.
        recovered: Seconds until things went on, for each injection that stopped any.
        idle: Injections that hit a worker without a job in hand.
    """

    fault: str
    jobs: int
    injections: int
    lost: int
    second: int
    recovered: list[float]
    idle: int = 0

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        middle = f"{median(self.recovered):.2f}" if self.recovered else "-"
        longest = f"{max(self.recovered):.2f}" if self.recovered else "-"
        counts = (self.jobs, self.injections, self.lost, self.second)
        return (self.fault, *map(str, counts), middle, longest)

    def remark(self) -> str | None:
        """Return what makes the row worth less than it looks."""
        if not self.idle:
            return None
        return f"{self.fault}: {self.idle} of {self.injections} hit a worker that held no job"


class Report(msgspec.Struct, frozen=True):
    """What a run came to, or several one after the other.

    Attributes:
        good: Whether every oracle holds, and all was quiet in time.
        jobs: Jobs that were accepted.
        faults: How often one was injected.
        second: Second deliveries.
        unexplained: Those of them that no fault explains.
        lease: Seconds.
        problems: By oracle.
    """

    good: bool
    jobs: int
    faults: int
    lost: int
    second: int
    unexplained: int
    seed: int
    lease: float
    rows: list[Figures]
    problems: dict[str, list[str]]

    def last_line(self) -> str:
        """Return what programs read."""
        return (
            f"chaos: {self.jobs} jobs, {self.faults} faults, {self.lost} lost,"
            f" {self.second} second deliveries, {self.unexplained} unexplained"
        )


def together(reports: Sequence[Report]) -> Report:
    """Return what several runs came to."""
    first = reports[0]
    return Report(
        good=all(each.good for each in reports),
        jobs=sum(each.jobs for each in reports),
        faults=sum(each.faults for each in reports),
        lost=sum(each.lost for each in reports),
        second=sum(each.second for each in reports),
        unexplained=sum(each.unexplained for each in reports),
        seed=first.seed,
        lease=first.lease,
        rows=[row for each in reports for row in each.rows],
        problems={name: found for each in reports for name, found in each.problems.items()},
    )


def report(
    truth: Truth, verdicts: Sequence[Verdict], seed: int, lease: float, *, quiet: bool
) -> Report:
    """Count everything.

    Args:
        truth: What happened.
        verdicts: What the oracles say of it.
        seed: Of the run.
        lease: Seconds.
        quiet: Whether all jobs ended in time, and the suite itself did not fail.
    """
    seconds = explained.seconds(truth)
    return Report(
        good=quiet and not any(verdict.problems for verdict in verdicts),
        jobs=_accepted(truth),
        faults=len(truth.injections),
        lost=len(truth.lost),
        second=len(seconds),
        unexplained=sum(second.by is None for second in seconds),
        seed=seed,
        lease=lease,
        rows=list(_figures(truth, seconds)),
        problems={verdict.name: verdict.problems for verdict in verdicts if verdict.problems},
    )


def _accepted(truth: Truth) -> int:
    return sum(job.accepted for job in truth.jobs.values())


def _figures(truth: Truth, seconds: Sequence[explained.Second]) -> Iterator[Figures]:
    for name in FAULTS:
        mine = [injection for injection in truth.injections if injection.fault == name]
        times = [recovery.seconds(truth, injection) for injection in mine]
        if mine:
            yield Figures(
                fault=name,
                jobs=_accepted(truth),
                injections=len(mine),
                lost=len(truth.lost),
                second=sum(second.by in mine for second in seconds),
                recovered=[round(time, 3) for time in times if time is not None],
                idle=sum(injection.idle for injection in mine),
            )


def examples(truth: Truth, problems: Sequence[str]) -> Iterator[str]:
    """Return the first problems, with the rows of the jobs that they are about."""
    for problem in problems[:EXAMPLES]:
        yield problem
        job_id = problem.split(":")[0].split(" ")[0]
        for row in truth.rows_of.get(job_id, []):
            yield (
                f"    delivery {row.delivery} attempt {row.attempt} {row.outcome}"
                f"{' final' if row.final else ''} {row.reason} {row.error} worker {row.pid}"
                f" crashes {row.crashes} ready {row.ready:.3f} fetched {row.fetched:.3f}"
                f" finished {row.finished:.3f}"
            )
    if len(problems) > EXAMPLES:
        yield f"... and {len(problems) - EXAMPLES} more"
