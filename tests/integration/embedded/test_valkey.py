"""The embedded Valkey, and the other servers of its family, live and die as promised."""

import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from redis import Redis

from jobqueue.domain.errors import BrokerUnavailable, ConfigurationError
from jobqueue.embedded import ValkeyServer
from tests.support import wait_until_sync
from tests.support.servers import redis_programs

pytestmark = pytest.mark.keys_not_judged("the keys are the test's own: nothing here is a job")

ORPHAN = """
import sys
from pathlib import Path
from jobqueue.embedded import ValkeyServer
server = ValkeyServer(Path(sys.argv[1]))
server.start()
print(server.url, flush=True)
sys.stdin.read()
"""


def put(server: ValkeyServer, value: str) -> None:
    """Write one key."""
    with Redis.from_url(server.url) as client:
        client.set("key", value)


def get(server: ValkeyServer) -> bytes | None:
    """Read that key."""
    with Redis.from_url(server.url) as client:
        value: bytes | None = client.get("key")
        return value


def refuses(url: str) -> bool:
    """Tell whether nobody listens on the socket of ``url``."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(unquote(url.removeprefix("unix://")))
        except OSError:
            return True
        return False


@pytest.mark.parametrize("name", redis_programs())
def test_every_server_keeps_its_data(name: str, tmp_path: Path) -> None:
    """Stop, restart and ``kill -9`` lose nothing, and the URL stays."""
    server = ValkeyServer(tmp_path, program=redis_programs()[name])
    with server:
        url = server.url
        put(server, "one")
        server.restart()
        assert get(server) == b"one"
        put(server, "two")
        server.kill()
        assert not server.running
        server.start()
        assert (get(server), server.url) == (b"two", url)
    with server:
        assert get(server) == b"two"


def test_safe_settings(breakable_redis: ValkeyServer) -> None:
    """The server writes its AOF, evicts nothing, and listens on no port."""
    with Redis.from_url(breakable_redis.url) as client:
        settings = client.config_get("appendonly", "maxmemory-policy", "port", "save")
    assert settings == {
        "appendonly": "yes",
        "maxmemory-policy": "noeviction",
        "port": "0",
        "save": "",
    }


def test_long_path(tmp_path: Path) -> None:
    """A path too long for a socket works all the same, and nothing temporary stays."""
    with ValkeyServer(tmp_path / ("long" * 30) / "with space") as server:
        put(server, "there")
        server.restart()
        assert get(server) == b"there"
        path = Path(unquote(server.url.removeprefix("unix://")))
        assert path.is_socket()
    assert not path.parent.exists()


def test_two_in_one_folder(breakable_redis: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second server in the same folder is refused in words; the first goes on."""
    monkeypatch.setattr("jobqueue.embedded.folders.LOCK_SECONDS", 0.1)
    put(breakable_redis, "mine")
    with pytest.raises(ConfigurationError, match="in use"):
        ValkeyServer(breakable_redis.home.parent).start()
    assert get(breakable_redis) == b"mine"


def test_wrong_setting(tmp_path: Path) -> None:
    """A server that refuses to start says why."""
    with pytest.raises(BrokerUnavailable, match="no-such-setting"):
        ValkeyServer(tmp_path, settings={"no-such-setting": "1"}).start()


def test_program_that_cannot_run(tmp_path: Path) -> None:
    """A program that is missing is named."""
    with pytest.raises(BrokerUnavailable, match="no-such-program"):
        ValkeyServer(tmp_path, program=tmp_path / "no-such-program").start()


@pytest.mark.parametrize("folder", ["short", "long" * 30])
def test_dies_with_its_owner(folder: str, tmp_path: Path) -> None:
    """``kill -9`` of the program that started it ends the server; the data starts again."""
    command = [sys.executable, "-c", ORPHAN, str(tmp_path / folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        url = owner.stdout.readline().strip()
        with Redis.from_url(url) as client:
            client.set("key", "kept")
        owner.kill()
    wait_until_sync(lambda: refuses(url), description="the server has ended")
    with ValkeyServer(tmp_path / folder) as server:
        assert get(server) == b"kept"
    path = Path(unquote(url.removeprefix("unix://")))
    wait_until_sync(lambda: not path.exists(), description="the socket has gone")


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a child of its parent's death"
)
def test_dies_with_its_guard(breakable_redis: ValkeyServer) -> None:
    """``kill -9`` of the guard ends the server too, and it can be started again."""
    put(breakable_redis, "kept")
    assert breakable_redis._process is not None
    breakable_redis._process._guard.kill()
    wait_until_sync(lambda: refuses(breakable_redis.url), description="the server has ended")
    wait_until_sync(lambda: not breakable_redis.running, description="its end is noticed")
    breakable_redis.start()
    assert get(breakable_redis) == b"kept"
