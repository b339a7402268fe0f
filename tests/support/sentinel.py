"""A master with two replicas, and three sentinels that replace it within seconds."""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from jobqueue.broker.servers import Server
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.embedded import ValkeyServer
from tests.support.ports import free_ports
from tests.support.waiting import wait_until_sync

NAME = "main"
SERVERS = SENTINELS = 3
DOWN_AFTER_MS = 1500  # less, and one that is only slow on a busy machine is replaced, too
SETTINGS = {"repl-diskless-sync-delay": "0", "enable-debug-command": "local"}
RULES = (
    "sentinel monitor {name} 127.0.0.1 {port} 2\n"
    "sentinel down-after-milliseconds {name} {down_after}\n"
    "sentinel failover-timeout {name} 2000\n"
    "sentinel parallel-syncs {name} 2\n"
)


class Sentinel(ValkeyServer):
    """One sentinel; the server reads who it watches from a file, and writes what it learns."""

    def __init__(self, folder: Path, port: int, master: int, program: Path | None) -> None:
        super().__init__(folder, aof=False, program=program, settings={"port": str(port)})
        self.port = port
        self._rules = RULES.format(name=NAME, port=master, down_after=DOWN_AFTER_MS)

    def _prepare(self) -> None:
        super()._prepare()
        path = self.data / "sentinel.conf"
        if not path.exists():
            path.write_text(self._rules)

    def _command(self) -> list[str]:
        program, *_settings = super()._command()
        words = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.data)}
        words |= {"unixsocket": str(self._place_socket())}
        settings = [word for name, value in words.items() for word in (f"--{name}", value)]
        return [program, str(self.data / "sentinel.conf"), "--sentinel", *settings]


class Watched:
    """Three servers and their sentinels; a context manager.

    Args:
        folder: Where to keep them.
        program: Another server of the family than the wheel's.
    """

    def __init__(self, folder: Path, program: Path | None = None) -> None:
        ports = free_ports(SERVERS + SENTINELS)
        self.ports, sentinels = ports[:SERVERS], ports[SERVERS:]
        self.servers = [
            ValkeyServer(
                folder / f"server{number}",
                aof=False,
                program=program,
                settings=SETTINGS
                | {"port": str(port)}
                | ({"replicaof": f"127.0.0.1 {self.ports[0]}"} if number else {}),
            )
            for number, port in enumerate(self.ports)
        ]
        self.sentinels = [
            Sentinel(folder / f"sentinel{number}", port, self.ports[0], program)
            for number, port in enumerate(sentinels)
        ]
        self._folder = folder

    @property
    def url(self) -> str:
        """The URL for clients."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{NAME}"

    def __enter__(self) -> Self:
        for server in self.servers:
            server.start()
        for sentinel in self.sentinels:
            sentinel.start()
        self.settle()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (*self.sentinels, *self.servers):
            server.kill()
            server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def settle(self) -> None:
        """Wait until replicas follow the master and every sentinel knows all the others."""
        wait_until_sync(self._settled, description="the sentinels are up", deadline=60)

    def _settled(self) -> bool:
        alive = [server for server in self.servers if server.running]
        roles = [run(server, "ROLE") for server in alive]
        links = [role[0] == b"master" or role[3] == b"connected" for role in roles]
        return all(links) and all(
            int(found["num-slaves"]) >= len(alive) - 1
            and int(found["num-other-sentinels"]) == SENTINELS - 1
            for found in map(self._known, self.sentinels)
        )

    @staticmethod
    def _known(sentinel: Sentinel) -> dict[str, str]:
        found = run(sentinel, "SENTINEL", "MASTER", NAME)
        return {name.decode(): value.decode() for name, value in found.items()}

    def master(self) -> ValkeyServer:
        """Return the server that the sentinels name."""
        answer = run(self.sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        return self.servers[self.ports.index(int(answer[1]))]

    def kill_master(self) -> ValkeyServer:
        """Kill the master; return it. The sentinels will make another."""
        master = self.master()
        master.kill()
        return master

    def is_served(self) -> bool:
        """Say whether a master takes writes."""
        with closing(Server(self.url).sync_lane(timeout=1)) as lane:
            try:
                lane.command("PERSIST", "nothing")
            except (BrokerError, BrokerUnavailable):
                return False
        return True

    def flush(self) -> None:
        """Make it as good as new: no keys, no scripts, no memory limit."""
        run(self.master(), "FLUSHALL")
        run(self.master(), "SCRIPT", "FLUSH")


def run(server: ValkeyServer, *command: Any) -> Any:
    """Run a command on this very server."""
    with closing(Server(server.url).sync_lane()) as lane:
        return lane.command(*command)
