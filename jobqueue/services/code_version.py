"""The version of the application's code, where nobody said one.

Code that was installed as a package has that package's version; code in a git work tree has
its commit. Git itself is not run: a container seldom has it, and its files are two reads.
"""

import importlib.metadata
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

SHORT = 12  # digits of a commit, as many as large projects need
_LONG = 40


def code_version(modules: Iterable[str]) -> str:
    """Return the version of the first of these modules that has one; empty when none has.

    Args:
        modules: Names of imported modules, such as those of an app's handlers.
    """
    found = (_version(name) for name in dict.fromkeys(modules))
    return next(filter(None, found), "")


def _version(module: str) -> str:
    path = getattr(sys.modules.get(module), "__file__", None)
    if path is None:
        return ""
    if _installed(Path(path)):
        return _package(module)
    return commit(Path(path)) or _package(module)


def _installed(path: Path) -> bool:
    """Whether a file came with a package: then a git folder above it is somebody else's."""
    return any(path.is_relative_to(sysconfig.get_path(kind)) for kind in ("purelib", "platlib"))


def _package(module: str) -> str:
    top = module.partition(".")[0]
    try:
        return importlib.metadata.version(top)
    except importlib.metadata.PackageNotFoundError:  # the package's name is another
        names = importlib.metadata.packages_distributions().get(top, [])
        return importlib.metadata.version(names[0]) if names else ""


def commit(path: Path) -> str:
    """Return the commit that is checked out where a file is; empty when that is not known."""
    top = next((each for each in path.resolve().parents if (each / ".git").exists()), None)
    if top is None:
        return ""
    try:
        return _head(_git_folder(top))[:SHORT]
    except (OSError, UnicodeDecodeError):  # a version is nice to have; no worker fails for it
        return ""


def _git_folder(top: Path) -> Path:
    marker = top / ".git"
    if marker.is_dir():
        return marker
    # A further work tree, or a submodule: a file that says where.
    return top / marker.read_text("utf-8").removeprefix("gitdir:").strip()


def _head(folder: Path) -> str:
    head = (folder / "HEAD").read_text("utf-8").strip()
    if not head.startswith("ref:"):
        return _checked(head)
    name = head.removeprefix("ref:").strip()
    shared = folder / "commondir"
    common = folder / shared.read_text("utf-8").strip() if shared.exists() else folder
    if (common / name).exists():
        return _checked((common / name).read_text("utf-8").strip())
    lines = (common / "packed-refs").read_text("utf-8").splitlines()
    return next((_checked(line.split()[0]) for line in lines if line.endswith(f" {name}")), "")


def _checked(text: str) -> str:
    return text if len(text) >= _LONG and set(text) <= set("0123456789abcdef") else ""
