"""The command line of the benchmarks; ``scripts/bench`` runs it in the right environment."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from jobqueue import JobQueueError
from scripts.benchmarks import loops, machine, report, rounds, stage
from scripts.benchmarks.figures import FULL, QUICK
from scripts.common.options import positive, program

INTERRUPTED = 130


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure jobqueue beside the bare limit of Redis Streams, on its own servers.",
    )
    add = parser.add_argument
    add("--rounds", type=positive, default=3, metavar="N", help="how often; default 3")
    add("--quick", action="store_true", help="10,000 jobs instead of 100,000, to see that it works")
    add(
        "--only",
        nargs="+",
        choices=rounds.FAMILIES,
        metavar="NAME",
        help=f"only some of: {', '.join(rounds.FAMILIES)}",
    )
    add("--json", metavar="FILE", help="write all values there too; '-' is standard output")
    add(
        "--redis-server",
        type=program,
        metavar="PATH",
        help="a Redis or Valkey server program; default: Valkey of the embedded extra",
    )
    return parser.parse_args()


async def main(options: argparse.Namespace) -> int:
    """Measure and print; return the exit code: 1 when a measurement failed."""
    task = asyncio.current_task()
    assert task  # noqa: S101 - a coroutine runs in a task
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    load = os.getloadavg()  # before our own servers start
    size = QUICK if options.quick else FULL
    families = rounds.chosen(options.only)
    results = rounds.Results()
    history = any(family.history for family in families)
    async with stage.opened(options.redis_server, history=history) as here:
        described = await machine.describe(here, load)
        await rounds.measure(here, families, size, options.rounds, results)
    show(report.Report(described, size, results, families), options.json)
    return 1 if results.failures else 0


def show(found: report.Report, file: str | None) -> None:
    """Print the table, and write the JSON where it was asked for."""
    print(found.table(), file=sys.stderr if file == "-" else sys.stdout)
    if file == "-":
        print(found.json())
    elif file:
        Path(file).write_text(found.json() + "\n", "utf-8")


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
