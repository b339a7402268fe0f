"""PostgreSQL on a Unix socket, also for root.

Started directly as ``postgres``, not through ``pg_ctl``: a server in the foreground
is one that a guard can watch.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from jobqueue.domain.errors import ConfigurationError, HistoryUnavailable
from jobqueue.embedded import folders, wheels
from jobqueue.embedded.server import Server

NOBODY = 65534

INITDB = (
    "--username=postgres",
    "--auth=trust",  # who reaches the socket owns its folder
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",  # the same on every system
    "--no-instructions",
)


class PostgresServer(Server):
    """A PostgreSQL server with one superuser, ``postgres``, and no password.

    Args:
        folder: Where to keep it; it uses ``folder/postgres`` and makes what is missing.
        settings: Settings by their names in ``postgresql.conf``.
    """

    kind = "postgres"
    stop_signal = signal.SIGINT  # "fast": sessions are ended, not waited for
    socket_name = ".s.PGSQL.5432"
    unavailable = HistoryUnavailable

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(folder)
        self._settings = {"listen_addresses": "", "unix_socket_permissions": "0700"}
        self._settings |= settings or {}
        self._bin: Path | None = None

    @property
    def url(self) -> str:
        """The URL of the database ``postgres``."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the URL of another database of this server."""
        return f"postgresql://postgres@/{database}?host={quote(str(self._place_socket().parent))}"

    def stop(self) -> None:
        """End the server in order and remove what was temporary; the data stays."""
        super().stop()
        self._bin = None

    def _prepare(self) -> None:
        if not self.data.exists():
            self._make_cluster()
        # The lock is ours, so the process that wrote this is gone, whoever has its pid now.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self._place_socket().with_suffix(".5432.lock").unlink(missing_ok=True)

    def _make_cluster(self) -> None:
        """Make the data folder under another name first: it is whole, or it is not there."""
        unfinished = self.home / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        folders.make(unfinished, 0o700)
        user = self._user()
        if user is not None:
            os.chown(unfinished, user, user)
        self._run_initdb(unfinished, user)
        unfinished.rename(self.data)

    def _run_initdb(self, folder: Path, user: int | None) -> None:
        command = [str(self._programs() / "initdb"), "-D", _seen_from_within(folder, user), *INITDB]
        if self._settings.get("fsync") == "off":
            command.append("--no-sync")
        done = subprocess.run(  # noqa: S603 - our own command
            command,
            cwd=folder,
            env=self._environment(),
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise HistoryUnavailable(f"initdb failed in {folder}:\n{done.stderr.strip()}")

    def _command(self) -> list[str]:
        socket_folder = self._place_socket().parent
        # Relative to the data: the user that we run it as may be unable to walk there.
        sockets = "." if socket_folder == self.data else str(socket_folder)
        settings = self._settings | {"unix_socket_directories": sockets}
        return [
            str(self._programs() / "postgres"),
            "-D",
            _seen_from_within(self.data, self._user()),
            *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
        ]

    def _answers(self) -> bool:
        """Read the status line of ``postmaster.pid``, as ``pg_ctl`` does: no client is needed."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"  # noqa: PLR2004 - LOCK_FILE_LINE_PM_STATUS

    def _environment(self) -> Mapping[str, str]:
        """Keep the caller's PG* variables away: PGPORT or PGDATA would win over ours."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return kept | {"LC_ALL": "C"}

    def _user(self) -> int | None:
        """Return the owner of the data, else nobody's uid, when we are root."""
        if os.geteuid() != 0:
            self._refuse_foreign_data()
            return None
        owner = self.data.stat().st_uid if self.data.exists() else 0
        return owner or NOBODY

    def _refuse_foreign_data(self) -> None:
        if self.data.exists() and self.data.stat().st_uid != os.geteuid():
            raise ConfigurationError(
                f"{self.data} belongs to uid {self.data.stat().st_uid}: "
                "run as root, or remove it, or choose another folder"
            )

    def _programs(self) -> Path:
        """Return the folder of PostgreSQL's programs; for another user, a copy made for it."""
        if self._bin is None:
            package = wheels.postgres_package()
            if self._user() is None:
                self._bin = package / "pginstall" / "bin"
            else:
                self._bin = folders.copy_programs(package, self._temporary_folder(0o711))
        return self._bin


def _seen_from_within(folder: Path, user: int | None) -> str:
    """Name a server's working folder so that it can be reached whatever lies above it."""
    return "/proc/self/cwd" if user is not None and sys.platform == "linux" else str(folder)
