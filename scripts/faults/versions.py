"""Two versions of the package on one queue."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from random import Random

from scripts.faults.registry import Injection, NotPossibleError, fault
from scripts.faults.stage import ROOT, SCHEDULERS, WORKERS, Stage

IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import jobqueue
for module in pkgutil.walk_packages(jobqueue.__path__, "jobqueue."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
# Where there is no tag: the commit that first had this. Programs from before it, which no release
# has had, keep other keys in Redis and refuse this schema.
FIRST = "alembic/versions/0003_views.py"


@fault(
    "mixed-versions",
    "services of another version of the package, in turn with this one's",
    lane="processes",
    doubles="all",
)
def mixed_versions(stage: Stage, random: Random, injection: Injection) -> None:
    """Replace a service by the other version's, or back."""
    package = stage.folder / "other"
    if not package.exists():
        revision = stage.other or _revision()
        try:
            _unpack(revision, package)
        except NotPossibleError as error:
            raise NotPossibleError(f"revision {revision[:12]}: {error}") from error
    name = random.choice([*WORKERS, *SCHEDULERS])
    injection.target = name
    other = (
        None
        if stage.crew.services[name].environment.get("PYTHONPATH", "").count(str(package))
        else package
    )
    pid = stage.crew.replace(name, stage.environment(name, other))
    injection.pids += [] if pid is None else [pid]


def _revision() -> str:
    """Return the newest tag before this commit, else the commit that first had this suite."""
    head = _git("rev-parse", "HEAD")
    tag = _git("describe", "--tags", "--abbrev=0", "HEAD^", missing="")
    first = _git("log", "--diff-filter=A", "--format=%H", "--", FIRST).split("\n")[-1]
    if not tag and first in {"", head}:
        raise NotPossibleError("there is no earlier version in this repository's history")
    return tag or first


def _unpack(revision: str, package: Path) -> None:
    """Build the wheel of a revision and unpack it."""
    source = package.with_suffix(".source")
    source.mkdir()
    archive = source / "tree.tar"
    _git("archive", "--output", str(archive), revision)
    shutil.unpack_archive(archive, source / "tree")
    build = [
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(source),
        str(source / "tree"),
    ]
    _run([sys.executable, "-m", "pip", "--disable-pip-version-check", *build])
    [wheel] = source.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(package)
    # A revision that can't even be imported says nothing about two versions side by side.
    _run([sys.executable, "-P", "-c", IMPORT_ALL, str(package)])


def _git(*arguments: str, missing: str | None = None) -> str:
    try:
        return _run(["git", "-C", str(ROOT), *arguments]).strip()
    except NotPossibleError:
        if missing is None:
            raise
        return missing


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    except OSError as error:
        raise NotPossibleError(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        [problem] = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise NotPossibleError(f"{Path(command[0]).name}: {problem}")
    return done.stdout
