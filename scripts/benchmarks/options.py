"""The command line of the benchmarks."""

import argparse
from pathlib import Path

from scripts.benchmarks import rounds
from scripts.common.options import positive, program
from scripts.peers.harness import catalogue

ROUNDS = 3


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; of the process itself when none is given."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure jobqueue beside the bare limit of Redis Streams, on its own servers.",
        epilog="Without one of --only, --scale, --growth, --history and --peers the usual figures "
        "are measured, in about five minutes.",
    )
    add = parser.add_argument
    add("--rounds", type=positive, metavar="N", help=f"how often; default {ROUNDS}")
    add("--quick", action="store_true", help="a tenth of the jobs, to see that it works")
    add("--jobs", type=positive, metavar="N", help="jobs of most figures, and of great numbers")
    add("--scale", action="store_true", help="a million jobs, 200 queues; half an hour")
    add("--growth", action="store_true", help="how cost grows with backlog, payload, workers …")
    add("--history", type=positive, metavar="ROWS", help="the SQL cookbook over so many rows")
    add(
        "--peers",
        type=_peers,
        metavar="NAMES",
        help=f"beside other queues, with commas, or all: {', '.join(catalogue.NAMES)}",
    )
    add(
        "--only",
        nargs="+",
        default=(),
        choices=rounds.FAMILIES,
        metavar="NAME",
        help=f"only some of: {', '.join(rounds.FAMILIES)}",
    )
    add("--json", metavar="FILE", help="write all values there too; '-' is standard output")
    add("--compare", type=Path, metavar="FILE", help="and what has changed since that --json")
    add("--chart", type=Path, metavar="FOLDER", help="and charts, as PNG and SVG")
    add(
        "--redis-server",
        type=program,
        metavar="PATH",
        help="a Redis or Valkey server program; default: Valkey of the embedded extra",
    )
    options = parser.parse_args(words)
    own = options.only or options.scale or options.growth or options.history
    if options.peers and own:
        parser.error("--peers is a run of its own: leave --only, --scale, --growth, --history out")
    return options


def _peers(text: str) -> list[str]:
    try:
        return catalogue.chosen(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
