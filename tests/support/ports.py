"""Ports of the loopback interface, for servers that must have one."""

import os
import random
import socket

LOWEST, HIGHEST = 12_000, 32_000  # below those that the system gives to clients
SHARES = 8  # one for each process of a test run: no two may choose the same port at once


def free_port() -> int:
    """Return a port that nobody used a moment ago. Prefer a Unix socket where one will do."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return ports that nobody used a moment ago, for servers that start again on them."""
    dice, size = random.SystemRandom(), (HIGHEST - LOWEST) // SHARES
    first = LOWEST + _share() * size
    found: set[int] = set()
    while len(found) < count:
        port = dice.randrange(first, first + size)
        if _is_free(port):
            found.add(port)
    return list(found)


def _share() -> int:
    """Return the number of this process among those of pytest-xdist."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % SHARES


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
