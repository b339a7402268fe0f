"""What the repository must not hold, and what its list of versions must."""

import re
import subprocess
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "scripts" / "requirements-dev.txt"

REGISTRY = re.compile(r"(pypi|pythonhosted|npmjs|deb\.debian|archive\.ubuntu)\.(org|com)")


def tracked() -> list[Path]:
    """Files that git knows, whoever owns the folder."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no git repository: an unpacked sdist")
def test_no_registry_address() -> None:
    """No file names the address of a package registry; each machine has its own."""
    texts = {path: path.read_text("utf-8", errors="ignore") for path in tracked()}
    assert texts
    assert [path for path, text in texts.items() if REGISTRY.search(text)] == []


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no git repository: an unpacked sdist")
def test_every_exception_has_its_reason() -> None:
    """A lint rule is switched off for a line with the reason beside it."""
    bare = re.compile(r"# noqa(: [A-Z0-9, ]+)?$", re.MULTILINE)
    texts = {path: path.read_text("utf-8") for path in tracked() if path.suffix == ".py"}
    assert texts
    assert [path for path, text in texts.items() if bare.search(text)] == []


def test_versions_are_pinned_without_an_index() -> None:
    """Every line pins one version; none is an option, an address or a path."""
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if line[:1] != "#"]
    for requirement in map(Requirement, lines):
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
        assert requirement.url is None


def test_every_needed_package_is_pinned() -> None:
    """What the package, its extras and the development tools pull in is pinned too."""
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if line[:1] != "#"]
    pinned = {str(canonicalize_name(Requirement(line).name)) for line in lines}
    assert needed(pinned) - {"jobqueue"} <= pinned


def needed(roots: set[str]) -> set[str]:
    """Follow the requirements of installed packages; return all names."""
    todo = [(name, "") for name in roots] + [("jobqueue", extra) for extra in ("", *extras())]
    seen: set[tuple[str, str]] = set()
    while todo:
        package = todo.pop()
        if package not in seen:
            seen.add(package)
            todo += _required_by(*package)
    return {name for name, _ in seen}


def extras() -> list[str]:
    """Names of this package's extras."""
    return metadata("jobqueue").get_all("Provides-Extra") or []


def _required_by(name: str, extra: str) -> list[tuple[str, str]]:
    try:
        found = [Requirement(line) for line in requires(name) or ()]
    except PackageNotFoundError:  # pinned for another Python or system
        return []
    return [
        (str(canonicalize_name(requirement.name)), wanted)
        for requirement in found
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        for wanted in ("", *requirement.extras)
    ]
