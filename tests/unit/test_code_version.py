"""The version of code that nobody named: its commit, or its package's version."""

import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from jobqueue.domain.handlers import Handler, Kind, Registry
from jobqueue.services.code_version import code_version, commit
from jobqueue.services.workers import WorkerPlan
from jobqueue.settings import Settings

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A git work tree on a branch, as its files are."""
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git" / "refs" / "heads" / "main").write_text(f"{COMMIT}\n")
    (tmp_path / "app").mkdir()
    return tmp_path


def test_a_branch(tree: Path) -> None:
    """The commit of the branch that is checked out, cut to twelve digits."""
    assert commit(tree / "app" / "jobs.py") == COMMIT[:12]


def test_a_packed_branch_and_a_bare_commit(tree: Path) -> None:
    """A branch that git has packed, and a commit that was checked out by itself, as CI does."""
    (tree / ".git" / "refs" / "heads" / "main").unlink()
    (tree / ".git" / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/main\n")
    assert commit(tree / "jobs.py") == COMMIT[:12]
    (tree / ".git" / "HEAD").write_text(f"{COMMIT}\n")
    assert commit(tree / "jobs.py") == COMMIT[:12]


def test_a_further_work_tree(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A work tree of `git worktree add` has a file that says where its git folder is."""
    own = tree / ".git" / "worktrees" / "other"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/main\n")
    (own / "commondir").write_text("../..\n")
    other = tmp_path_factory.mktemp("other")
    (other / ".git").write_text(f"gitdir: {own}\n")
    assert commit(other / "jobs.py") == COMMIT[:12]


def test_no_commit(tree: Path) -> None:
    """A repository without a commit, or with files that say nothing, has no version."""
    (tree / ".git" / "refs" / "heads" / "main").unlink()
    assert commit(tree / "jobs.py") == ""
    (tree / ".git" / "HEAD").write_text("nonsense")
    assert commit(tree / "jobs.py") == ""


def test_modules(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed module has its package's version; one in a work tree has the commit."""
    jobs = ModuleType("shop_jobs")
    jobs.__file__ = str(tree / "app" / "jobs.py")
    monkeypatch.setitem(sys.modules, "shop_jobs", jobs)
    assert code_version(["unknown_module", "msgspec"]) == msgspec.__version__
    assert code_version(["shop_jobs", "msgspec"]) == COMMIT[:12]
    assert code_version([]) == ""


def test_what_a_worker_writes(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting wins; without it the version is that of the handlers' code."""
    jobs = ModuleType("shop_jobs")
    jobs.__file__ = str(tree / "app" / "jobs.py")
    monkeypatch.setitem(sys.modules, "shop_jobs", jobs)

    def work() -> None: ...

    work.__module__ = "shop_jobs"
    registry = Registry()
    registry.add(Handler("work", work, Kind.THREAD))
    for said, written in ((None, COMMIT[:12]), ("1.4", "1.4")):
        settings = Settings(code_version=said)
        assert WorkerPlan(settings, registry, {}, None, None).code_version() == written
