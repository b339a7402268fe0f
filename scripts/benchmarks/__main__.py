"""Runs the benchmarks; ``scripts/bench`` starts it in the right environment."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from jobqueue import JobQueueError
from scripts.benchmarks import comparing, loops, machine, rounds, stage
from scripts.benchmarks.figures import FULL, QUICK, Size
from scripts.benchmarks.options import ROUNDS, arguments
from scripts.benchmarks.report import Report
from scripts.peers.harness import against

INTERRUPTED = 130
ROWS = 1_000_000  # of history when the cookbook is asked for by name


async def main(options: argparse.Namespace) -> int:
    """Measure and print; return the exit code: 1 when a measurement of ours failed."""
    task = asyncio.current_task()
    assert task  # noqa: S101 - a coroutine runs in a task
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    earlier = comparing.read(options.compare) if options.compare else None
    load, times = os.getloadavg(), options.rounds or ROUNDS  # before our own servers start
    found = None
    if options.peers:
        found = await against.run(options, _size(options), times, load)
        report, tables, failed = found.report, [found.table()], found.failed
    else:
        report = await _own(options, times, load)
        tables, failed = [report.table()], bool(report.failures)
    if earlier:
        tables.append("\n".join(["", *comparing.lines(earlier, report.found)]))
    _show(report, tables, options.json)
    if options.chart:
        _name(found.charts(options.chart) if found else _charts(report, options.chart))
    return 1 if failed else 0


async def _own(options: argparse.Namespace, times: int, load: tuple[float, float, float]) -> Report:
    size = _size(options)
    families = rounds.chosen(
        options.only, scale=options.scale, grown=options.growth, rows=options.history or 0
    )
    results = rounds.Results()
    history = any(family.history for family in families)
    async with stage.opened(options.redis_server, history=history) as here:
        described = await machine.describe(here, load)
        await rounds.measure(here, families, size, times, results)
    figures = [figure for family in families for figure in family.figures]
    return Report(described, size, figures, results.rounds, results.failures)


def _size(options: argparse.Namespace) -> Size:
    size = replace(QUICK if options.quick else FULL, rows=options.history or ROWS)
    return replace(size, jobs=options.jobs, many=options.jobs) if options.jobs else size


def _show(report: Report, tables: list[str], file: str | None) -> None:
    """Print the tables, and write the JSON where it was asked for."""
    for table in tables:
        print(table, file=sys.stderr if file == "-" else sys.stdout)
    if file == "-":
        print(report.json())
    elif file:
        Path(file).write_text(report.json() + "\n", "utf-8")


def _charts(report: Report, folder: Path) -> list[Path]:
    from scripts.benchmarks import charts  # matplotlib takes a second

    return charts.draw(folder, report.found, "; ".join(report.header()))


def _name(files: Iterable[Path]) -> None:
    for file in files:
        print(f"wrote {file}", file=sys.stderr)


def run() -> int:
    """Run the command line; return its exit code."""
    try:
        return loops.run(main(arguments()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    except JobQueueError as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(run())
