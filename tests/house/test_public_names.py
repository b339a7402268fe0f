"""The public face: sorted, documented, and cheap to import."""

import inspect
import subprocess
import sys

import jobqueue

SLOW = {"redis", "croniter", "sqlalchemy", "alembic", "psycopg", "typer"}


def test_names_are_sorted() -> None:
    """``__all__`` is sorted, so that a diff shows what was added."""
    assert list(jobqueue.__all__) == sorted(jobqueue.__all__)


def test_names_are_documented() -> None:
    """Every public name resolves and says what it is for."""
    values = {name: getattr(jobqueue, name) for name in jobqueue.__all__}
    silent = [name for name, value in values.items() if not inspect.getdoc(value)]
    assert set(silent) <= {"__version__"}


def test_import_is_cheap() -> None:
    """``import jobqueue`` leaves alone what takes long to import."""
    code = "import sys, jobqueue; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {module.partition(".")[0] for module in done.stdout.split()}
    assert loaded & SLOW == set()
