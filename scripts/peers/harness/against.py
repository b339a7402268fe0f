"""``scripts/bench --peers``: runs the comparison, and says what came out of it."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks import machine
from scripts.benchmarks.figures import Size
from scripts.benchmarks.report import Report
from scripts.peers.harness import servers, table
from scripts.peers.harness.catalogue import OURS
from scripts.peers.harness.comparison import MEASURES, Comparison, brokers_of, compare
from scripts.peers.harness.measures import FULL, QUICK


@dataclass(frozen=True)
class Found:
    """A comparison, and what it ran on."""

    report: Report
    comparison: Comparison

    @property
    def failed(self) -> bool:
        """Whether we failed ourselves; that another queue does is a result."""
        return OURS in self.comparison.failures

    def table(self) -> str:
        """Return what is printed for people."""
        return "\n".join([*self.report.header()[:-1], self._rounds(), "", *self._lines()])

    def charts(self, folder: Path) -> list[Path]:
        """Draw a panel for each measure."""
        from scripts.benchmarks import charts  # matplotlib takes a second

        titles = [f"{what}, {unit}" for _, what, unit, _ in MEASURES]
        canvas = charts.panels(titles, table.columns(self.comparison), OURS)
        return charts.save(folder, "peers", canvas, "; ".join(self.report.header()[:-1]))

    def _rounds(self) -> str:
        return f"one worker process, no-op jobs, medians of {len(self.comparison.rounds)} rounds"

    def _lines(self) -> Sequence[str]:
        return table.lines(self.comparison)


async def run(
    options: argparse.Namespace, size: Size, rounds: int, load: tuple[float, float, float]
) -> Found:
    """Compare with the chosen peers."""
    effort = QUICK if options.quick else FULL
    postgres = "postgres" in brokers_of(options.peers)
    async with servers.opened(options.redis_server, postgres=postgres) as here:
        described = await machine.describe(here.stage, load, here.admin)
        found = await compare(here, options.peers, effort, size, rounds)
    report = Report(described, size, found.figures, found.rounds, found.failures)
    return Found(report, found)
