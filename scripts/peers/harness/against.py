"""``scripts/bench --peers``: runs the comparison, and says what came out of it."""

import argparse
import sys

from scripts.benchmarks import machine
from scripts.benchmarks.figures import Size
from scripts.benchmarks.report import Peer, Report
from scripts.peers.harness import servers
from scripts.peers.harness.comparison import brokers_of, compare
from scripts.peers.harness.measures import FULL, QUICK

PREPARING, OTHERWISE = 5, 8  # seconds for a peer, besides what is chosen by the effort


async def run(
    options: argparse.Namespace, size: Size, rounds: int, load: tuple[float, float, float]
) -> Report:
    """Compare with the chosen peers."""
    effort = QUICK if options.quick else FULL
    count = len(options.peers) + 1
    seconds = count * (PREPARING + rounds * (effort.seconds + OTHERWISE))
    print(f"about {seconds / 60:.0f} minutes, if all are installed", file=sys.stderr, flush=True)
    postgres = "postgres" in brokers_of(options.peers)
    async with servers.opened(options.redis_server, postgres=postgres) as here:
        described = await machine.describe(here.stage, load, here.admin)
        found = await compare(here, options.peers, effort, size, rounds)
    peers = [Peer(each.name, each.version, each.choices) for each in found.peers]
    return Report(described, size, rounds, found.found, found.failures, peers=peers)
