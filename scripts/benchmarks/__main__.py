"""Runs the benchmarks; ``scripts/bench`` starts it in the right environment."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jobqueue import JobQueueError
from scripts.benchmarks import (
    comparing,
    loops,
    machine,
    markdown,
    profile,
    reach,
    report,
    rounds,
    shown,
    stage,
)
from scripts.benchmarks.figures import FULL, QUICK, Broken, Family, Figure, Size
from scripts.benchmarks.options import ROUNDS, arguments, parts
from scripts.benchmarks.report import Report
from scripts.peers.harness import against
from scripts.peers.harness.catalogue import OURS

INTERRUPTED = 130
ROWS = 1_000_000  # of history when the cookbook is asked for by name
PROFILED = 5  # times as many jobs: a sample is taken some hundred times a second only

Load = tuple[float, float, float]


async def main(options: argparse.Namespace) -> int:
    """Measure and print; return the exit code: 1 when a measurement of ours failed."""
    task = asyncio.current_task()
    assert task  # noqa: S101 - a coroutine runs in a task
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    earlier = comparing.read(options.compare) if options.compare else None
    found = await _found(options, os.getloadavg())  # the load before our own servers start
    lines = shown.lines(found)
    if options.kept:
        lines += ["", *reach.lines(found)]
    if earlier:
        lines += ["", *comparing.lines(earlier, found.found)]
    _show(found, lines, options.json)
    pictures = _charts(found, options.chart) if options.chart else []
    if options.markdown:
        written = markdown.write(options.markdown, found, pictures)
        print(f"wrote {', '.join(written)} into {options.markdown}", file=sys.stderr)
    others = {peer.name for peer in found.peers} - {OURS}  # that one of them fails is a result
    return 1 if found.failures.keys() - others else 0


async def _found(options: argparse.Namespace, load: Load) -> Report:
    times = options.rounds or ROUNDS
    if options.kept:
        return report.read(options.kept)
    if options.peers:
        return await against.run(options, _size(options), times, load)
    if options.profile:
        return await _profiled(options, load)
    return await _measured(options, times, load)


async def _measured(options: argparse.Namespace, times: int, load: Load) -> Report:
    size = _size(options)
    families = rounds.chosen(options.only, parts(options))
    _say(rounds.estimate(families, size, times))
    results = rounds.Results()
    history = any(family.history for family in families)
    async with stage.opened(options.redis_server, history=history) as here:
        described = await machine.describe(here, load)
        await rounds.measure(here, families, size, times, results)
    found = report.found(_figures(families), results.rounds)
    return Report(described, size, times, found, results.failures, results.seconds)


def _figures(families: Sequence[Family]) -> list[Figure]:
    return [figure for family in families for figure in family.figures]


async def _profiled(options: argparse.Namespace, load: Load) -> Report:
    size = _size(options)
    size = replace(size, jobs=size.jobs * (1 if options.jobs else PROFILED))
    _say(size.jobs / PROFILED / FULL.jobs * 300)
    async with stage.opened(options.redis_server, history=True) as here:
        described = await machine.describe(here, load)
        try:
            found = await profile.measure(here, size)
        except Broken as error:
            return Report(described, size, 1, failures={"profile": str(error)})
    return Report(described, size, 1, profiles=found)


def _say(seconds: float) -> None:
    """Say how long it will take."""
    told = f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"  # noqa: PLR2004 - people say it so
    print(f"about {told}", file=sys.stderr, flush=True)


def _size(options: argparse.Namespace) -> Size:
    size = replace(QUICK if options.quick else FULL, rows=options.history or ROWS)
    return replace(size, jobs=options.jobs, many=options.jobs) if options.jobs else size


def _show(found: Report, lines: Sequence[str], file: str | None) -> None:
    """Print the tables, and write the JSON where it was asked for."""
    print("\n".join(lines), file=sys.stderr if file == "-" else sys.stdout)
    if file == "-":
        print(found.json())
    elif file:
        Path(file).write_text(found.json() + "\n", "utf-8")


def _charts(found: Report, folder: Path) -> list[Path]:
    from scripts.benchmarks import charts  # matplotlib takes a second

    files = charts.draw(folder, found)
    for file in files:
        print(f"wrote {file}", file=sys.stderr)
    return files


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
