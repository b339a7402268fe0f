"""A virtual environment for each peer, in the user's cache folder; made once."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.peers.harness.catalogue import Entry

LAST_LINES = 3
INSTALLING = 600.0  # seconds


class NotInstalled(Exception):
    """A peer can't be installed here; the message says why."""


def cache() -> Path:
    """Return the folder of all environments."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "jobqueue" / "peers"


def python_of(peer: Entry) -> Path:
    """Return the Python that has this peer, installed where it was not yet.

    Raises:
        NotInstalled: That is not to be had; the message says why.
    """
    if not peer.requirements:
        return Path(sys.executable)
    base = interpreter(peer.python)
    seed = "\n".join([str(base), *peer.requirements])
    folder = cache() / f"{peer.name}-{hashlib.sha256(seed.encode()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)  # one that was not finished
        _run([str(base), "-m", "venv", str(folder)])
        pip = [str(python), "-m", "pip", "-q", "--disable-pip-version-check"]
        _run([*pip, "install", *peer.requirements])
        (folder / "ready").touch()
    return python


def interpreter(oldest: tuple[int, int]) -> Path:
    """Return a Python that is new enough: ours, else the first one that runs.

    Raises:
        NotInstalled: There is none.
    """
    if sys.version_info >= oldest:
        return Path(sys.executable)
    for candidate in _candidates(oldest):
        code = f"import sys; sys.exit(sys.version_info < {oldest!r})"
        command = [str(candidate), "-c", code]
        if not subprocess.run(command, capture_output=True, check=False).returncode:  # noqa: S603 - a Python
            return candidate
    raise NotInstalled(f"it needs Python {oldest[0]}.{oldest[1]}, which is not here")


def _candidates(oldest: tuple[int, int]) -> list[Path]:
    minors = range(oldest[1], oldest[1] + 4)
    found = [shutil.which(f"python3.{minor}") for minor in minors]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    kept = [path for minor in minors for path in pyenv.glob(f"3.{minor}.*/bin/python")]
    return [*map(Path, filter(None, found)), *kept]


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command, capture_output=True, text=True, check=False, timeout=INSTALLING
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"not installed within {INSTALLING:g} s") from None
    if done.returncode:
        tail = [line for line in done.stderr.splitlines() if line.strip()][-LAST_LINES:]
        raise NotInstalled(" / ".join(tail) or f"{command[0]} ended with {done.returncode}")
