"""Ports of the loopback interface, for servers that must have one."""

import socket


def free_port() -> int:
    """Return a port that nobody used a moment ago. Prefer a Unix socket where one will do."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
