"""Valkey, or any server of its family, on a Unix socket."""

import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from jobqueue.domain.errors import BrokerUnavailable
from jobqueue.embedded import folders, wheels
from jobqueue.embedded.server import Server

DURABLE = {"appendonly": "yes", "appendfsync": "everysec"}
IN_MEMORY = {"appendonly": "no"}
ALWAYS = {
    "port": "0",
    "bind": "127.0.0.1",  # for tests that set a port
    "save": "",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
}


class ValkeyServer(Server):
    """A Valkey server with the settings that a job queue needs.

    Args:
        folder: Where to keep it; it uses ``folder/valkey`` and makes what is missing.
        aof: Write the append-only file, so that a killed server comes back with its data.
        program: Another server program of the family; ``None`` takes the wheel's.
        settings: More settings by their names in ``valkey.conf``; they win.
    """

    kind = "valkey"
    stop_signal = signal.SIGTERM
    socket_name = "valkey.sock"
    unavailable = BrokerUnavailable

    def __init__(
        self,
        folder: Path,
        *,
        aof: bool = True,
        program: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder)
        self._program = program
        self._settings = ALWAYS | (DURABLE if aof else IN_MEMORY) | dict(settings or {})

    @property
    def url(self) -> str:
        """``unix://…``: the socket's path, percent-encoded where it must be."""
        return f"unix://{quote(str(self._place_socket()))}"

    def _prepare(self) -> None:
        folders.make(self.data, 0o700)

    def _command(self) -> list[str]:
        paths = {"dir": str(self.data), "unixsocket": str(self._place_socket())}
        program = str(self._program or wheels.valkey_program())
        settings = self._settings | paths | {"unixsocketperm": "700"}
        return [
            program,
            *(word for name, value in settings.items() for word in (f"--{name}", value)),
        ]

    def _answers(self) -> bool:
        """Send a PING; while the server reads its file it answers LOADING."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self._place_socket()))
                connection.sendall(b"PING\r\n")
                answer = connection.recv(64)
            except OSError:
                return False
        return bool(answer) and not answer.startswith(b"-LOADING")
