"""Folders of a server: its home, its lock, and temporary ones with short, open paths.

Only a folder made here ever gets another owner or mode.
"""

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

from jobqueue.domain.errors import ConfigurationError

SOCKET_PATH_BYTES = 103
"""The longest path of a Unix socket that every system takes (macOS: 104 with the final NUL)."""

LOCK_SECONDS = 5.0


def make(folder: Path, mode: int) -> None:
    """Make ``folder`` with exactly this mode, parents as usual; leave one that exists alone."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        return
    folder.chmod(mode)  # whatever the umask is


def temporary(mode: int = 0o700, *, owner: int | None = None) -> Path:
    """Make a temporary folder that other users can reach if ``mode`` lets them.

    ``$TMPDIR`` may lie in a closed home or have a long path; then ``/tmp`` is used.
    """
    usual = Path(tempfile.gettempdir())
    root = usual if _suits(usual) else Path("/tmp")  # noqa: S108 - mkdtemp makes it ours
    folder = Path(tempfile.mkdtemp(prefix="jobqueue-", dir=root))
    folder.chmod(mode)
    if owner is not None:
        os.chown(folder, owner, owner)
    return folder


def fits_socket(path: Path) -> bool:
    """Tell whether ``path`` is short enough for a Unix socket."""
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES


def lock(home: Path) -> int:
    """Take the lock of a server's home; return the descriptor that holds it.

    A server that is just ending holds it for a moment, so wait a little.

    Raises:
        ConfigurationError: Another program runs a server there.
    """
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while not _locked(descriptor):
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise ConfigurationError(f"{home} is in use: stop its server or choose another folder")
        time.sleep(0.01)
    return descriptor


def copy_programs(package: Path, target: Path) -> Path:
    """Copy PostgreSQL's programs so that every user can run them; return their folder.

    The copy keeps the wheel's shape: libraries that the wheel brings along lie
    beside the package and are found from the programs' place.
    """
    copy = target / package.name / "pginstall"
    skip = shutil.ignore_patterns("include", "doc", "*.a")
    shutil.copytree(package / "pginstall", copy, ignore=skip)
    for libraries in (package.parent / f"{package.name}.libs", package / ".dylibs"):
        if libraries.is_dir():
            shutil.copytree(libraries, target / libraries.relative_to(package.parent))
    for path in target.rglob("*"):
        path.chmod(0o755)
    return copy / "bin"


def _suits(root: Path) -> bool:
    short = fits_socket(root / "jobqueue-12345678" / ".s.PGSQL.5432")
    return short and all(path.stat().st_mode & 0o001 for path in (root, *root.parents))


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
