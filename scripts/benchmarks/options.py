"""The command line of the benchmarks."""

import argparse
from pathlib import Path

from scripts.benchmarks import rounds
from scripts.benchmarks.figures import GROWTH, HISTORY, NODES, SCALE
from scripts.common.options import positive, program
from scripts.peers.harness import catalogue

ROUNDS = 5
ALONE = ("peers", "profile", "kept")  # each is a run of its own


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; of the process itself when none is given."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure jobqueue beside the bare limit of Redis Streams, on its own servers.",
        epilog="Without one of --only, --scale, --growth, --nodes, --history, --profile, --peers "
        "and --from the usual figures are measured. What it takes is said first.",
    )
    _what(parser)
    _how(parser)
    options = parser.parse_args(words)
    own = options.only or parts(options)
    alone = [name for name in ALONE if getattr(options, name)]
    if len(alone) > 1 or (alone and own):
        flag = {"kept": "--from"}.get(alone[0], f"--{alone[0]}")
        parser.error(f"{flag} is a run of its own: leave the others out")
    return options


def parts(options: argparse.Namespace) -> set[str]:
    """Return the parts of the benchmarks that flags have asked for."""
    asked = {
        SCALE: options.scale,
        GROWTH: options.growth,
        NODES: options.nodes,
        HISTORY: options.history,
    }
    return {part for part, wanted in asked.items() if wanted}


def _what(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--scale", action="store_true", help="a million jobs, 200 queues")
    add("--growth", action="store_true", help="how cost grows with backlog, payload, workers …")
    add("--nodes", action="store_true", help="a queue on 1, 2 and 3 Redis nodes, and what is full")
    add("--history", type=positive, metavar="ROWS", help="the SQL cookbook over so many rows")
    add("--profile", action="store_true", help="what each microsecond of a job goes to")
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
    add(
        "--from",
        dest="kept",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="measure nothing: take what --json kept of earlier runs, and say which goals are met",
    )


def _how(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--rounds", type=positive, metavar="N", help=f"how often; default {ROUNDS}")
    add("--quick", action="store_true", help="a tenth of the jobs, to see that it works")
    add("--jobs", type=positive, metavar="N", help="jobs of most figures, and of great numbers")
    add("--json", metavar="FILE", help="write all values there too; '-' is standard output")
    add("--compare", type=Path, metavar="FILE", help="and what has changed since that --json")
    add("--chart", type=Path, metavar="FOLDER", help="and charts, as PNG and SVG")
    add("--markdown", type=Path, metavar="FILE", help="and write the tables into this page")
    add(
        "--redis-server",
        type=program,
        metavar="PATH",
        help="a Redis or Valkey server program; default: Valkey of the embedded extra",
    )


def _peers(text: str) -> list[str]:
    try:
        return catalogue.chosen(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
