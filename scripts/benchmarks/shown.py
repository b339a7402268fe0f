"""Everything that a report holds, as people read it."""

from collections.abc import Iterator
from dataclasses import replace

from scripts.benchmarks import arithmetic, costs, profiled
from scripts.benchmarks.report import Report
from scripts.peers.harness import table
from scripts.peers.harness.comparison import BARE


def lines(report: Report) -> list[str]:
    """Return all tables that there is something for, under what they were measured on."""
    return [*report.header(), *_tables(report)]


def _tables(report: Report) -> Iterator[str]:
    own = without_peers(report)
    if own.found or (own.failures and not report.peers):
        yield from ("", *own.table())
        yield from costs.lines(own.medians)
        yield from arithmetic.lines(own.medians, report.machine.cores)
    if report.peers:
        yield from ("", *table.lines(report))
    if report.profiles:
        yield from ("", *profiled.lines(report.profiles))


def without_peers(report: Report) -> Report:
    """Return what was not found in a comparison with others."""
    names = {BARE, *(peer.name for peer in report.peers)}
    own = [each for each in report.found if each.figure.name.partition(".")[0] not in names]
    failures = {name: why for name, why in report.failures.items() if name not in names}
    return replace(report, found=own, failures=failures)
