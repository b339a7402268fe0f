"""Ports of the loopback interface, for servers that must have one."""

import random
import socket

LOWEST, HIGHEST = 12_000, 32_000  # below those that the system gives to clients


def free_port() -> int:
    """Return a port that nobody used a moment ago. Prefer a Unix socket where one will do."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_ports(count: int) -> list[int]:
    """Return ports that nobody used a moment ago, for servers that start again on them."""
    dice = random.SystemRandom()
    found: set[int] = set()
    while len(found) < count:
        port = dice.randint(LOWEST, HIGHEST)
        if _is_free(port):
            found.add(port)
    return list(found)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
