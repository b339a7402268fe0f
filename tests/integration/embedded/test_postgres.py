"""The embedded PostgreSQL lives and dies as promised, for root and for others."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from jobqueue.domain.errors import ConfigurationError, HistoryUnavailable
from jobqueue.embedded import PostgresServer
from tests.support import wait_until_sync
from tests.support.servers import POSTGRES_SETTINGS, fast_postgres

ORPHAN = """
import sys
from pathlib import Path
from jobqueue.embedded import PostgresServer
server = PostgresServer(Path(sys.argv[1]), settings={"fsync": "off"})
server.start()
print(server.url, flush=True)
sys.stdin.read()
"""


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement on a connection of its own; return its rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_keeps_its_data(breakable_postgres: PostgresServer) -> None:
    """Restart and ``kill -9`` lose nothing, and the URL stays."""
    url = breakable_postgres.url
    run(url, "CREATE TABLE kept AS SELECT 1 AS one")
    breakable_postgres.restart()
    breakable_postgres.kill()
    assert not breakable_postgres.running
    breakable_postgres.start()
    assert run(breakable_postgres.url, "SELECT * FROM kept") == [(1,)]
    assert breakable_postgres.url == url


def test_restart_ends_open_sessions(breakable_postgres: PostgresServer) -> None:
    """A client that stays connected does not hold up the end."""
    with psycopg.connect(breakable_postgres.url) as connection:
        connection.execute("SELECT 1")
        breakable_postgres.restart()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_encoding(breakable_postgres: PostgresServer) -> None:
    """Text is UTF-8, and letters are letters in every alphabet, whatever the system's locale."""
    rows = run(breakable_postgres.url, "SELECT upper('жë'), current_setting('server_encoding')")
    assert rows == [("ЖË", "UTF8")]


def test_stale_pid_of_a_living_process(breakable_postgres: PostgresServer) -> None:
    """A ``postmaster.pid`` whose pid belongs to somebody else by now does not stop the start."""
    breakable_postgres.kill()
    pidfile = breakable_postgres.data / "postmaster.pid"
    _, rest = pidfile.read_text().split("\n", 1)
    pidfile.write_text(f"{os.getpid()}\n{rest}")
    breakable_postgres.start()
    assert run(breakable_postgres.url, "SELECT 1") == [(1,)]


def test_long_path(tmp_path: Path) -> None:
    """A path too long for a socket works all the same, and nothing temporary stays."""
    with fast_postgres(tmp_path / ("long" * 30) / "with space") as server:
        assert run(server.url, "SELECT 1") == [(1,)]
        folder = Path(server.url.partition("host=")[2])
        assert folder.is_dir()
    assert not folder.exists()


def test_closed_home(tmp_path: Path) -> None:
    """Folders above may be closed to others; they keep their mode and owner."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in (closed, *closed.parents)]
    with fast_postgres(closed / "data") as server:
        assert run(server.url, "SELECT 1") == [(1,)]
    after = [(path, path.stat().st_mode, path.stat().st_uid) for path in (closed, *closed.parents)]
    assert after == before


def test_interrupted_set_up(tmp_path: Path) -> None:
    """What an interrupted ``initdb`` left is thrown away."""
    unfinished = tmp_path / "postgres" / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with fast_postgres(tmp_path) as server:
        assert run(server.url, "SELECT 1") == [(1,)]


def test_environment_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PGPORT, PGDATA and a locale that is not there change nothing."""
    monkeypatch.setenv("PGPORT", "7777")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("LC_ALL", "xx_YY.UTF-8")
    with fast_postgres(tmp_path) as server:
        monkeypatch.undo()
        assert run(server.url, "SELECT 1") == [(1,)]


def test_wrong_setting(tmp_path: Path) -> None:
    """A server that refuses to start says why."""
    settings = POSTGRES_SETTINGS | {"no_such_setting": "1"}
    with pytest.raises(HistoryUnavailable, match="no_such_setting"):
        PostgresServer(tmp_path, settings=settings).start()


def test_two_in_one_folder(
    breakable_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second server in the same folder is refused in words; the first goes on."""
    monkeypatch.setattr("jobqueue.embedded.folders.LOCK_SECONDS", 0.1)
    with pytest.raises(ConfigurationError, match="in use"):
        PostgresServer(breakable_postgres.home.parent).start()
    assert run(breakable_postgres.url, "SELECT 1") == [(1,)]


def test_dies_with_its_owner(tmp_path: Path) -> None:
    """``kill -9`` of the program that started it ends the server; the data starts again."""
    command = [sys.executable, "-c", ORPHAN, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        url = owner.stdout.readline().strip()
        run(url, "CREATE TABLE kept AS SELECT 1 AS one")
        owner.kill()
    socket = Path(url.partition("host=")[2]) / ".s.PGSQL.5432"
    wait_until_sync(lambda: not socket.exists(), description="the server has ended")
    with fast_postgres(tmp_path) as server:
        assert run(server.url, "SELECT * FROM kept") == [(1,)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run as somebody else")
def test_data_of_root_is_refused_to_others(breakable_postgres: PostgresServer) -> None:
    """Another user is told whose data this is, and nothing is started."""
    breakable_postgres.stop()
    code = (
        "import os, sys; from jobqueue.domain.errors import ConfigurationError;"
        "from jobqueue.embedded.postgres import PostgresServer;"
        "os.geteuid = lambda: 4711;"
        "PostgresServer(sys.argv[1])._user()"
    )
    command = [sys.executable, "-c", code, str(breakable_postgres.home.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "belongs to uid 65534" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run as somebody else")
def test_root_runs_as_the_owner_of_the_data(breakable_postgres: PostgresServer) -> None:
    """Data that another user made is served as that user, and stays theirs."""
    breakable_postgres.stop()
    for path in (breakable_postgres.data, *breakable_postgres.data.rglob("*")):
        os.chown(path, 4711, 4711, follow_symlinks=False)
    breakable_postgres.start()
    assert (breakable_postgres.data / "postmaster.pid").stat().st_uid == 4711
    assert run(breakable_postgres.url, "SELECT 1") == [(1,)]
