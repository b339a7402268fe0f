"""Ports of loopback, for servers that must have one."""

import socket
from contextlib import ExitStack


def free(count: int) -> list[int]:
    """Return ports that nobody uses now; they are held until all are found."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
