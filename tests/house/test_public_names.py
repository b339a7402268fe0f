"""The public face: sorted, documented, and cheap to import."""

import inspect
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import jobqueue
from jobqueue import (
    DeadLetter,
    ExecutionView,
    FoundJob,
    JobCall,
    JobHandle,
    JobQueue,
    LimitView,
    QueueView,
    Retried,
    State,
)

SERVICES = {"run_worker", "run_scheduler"}  # they are an event loop's
SLOW = {"redis", "croniter", "sqlalchemy", "alembic", "psycopg", "typer"}


def test_names_are_sorted() -> None:
    """``__all__`` is sorted, so that a diff shows what was added."""
    assert list(jobqueue.__all__) == sorted(jobqueue.__all__)


def test_names_are_documented() -> None:
    """Every public name resolves and says what it is for."""
    values = {name: getattr(jobqueue, name) for name in jobqueue.__all__}
    silent = [name for name, value in values.items() if not inspect.getdoc(value)]
    assert set(silent) <= {"__version__"}


def classes(annotation: object) -> Iterator[type]:
    """Return our classes in an annotation."""
    if isinstance(annotation, type) and annotation.__module__.startswith("jobqueue."):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from classes(argument)


def calls(kind: type) -> dict[str, Callable[..., Any]]:
    """Return the asynchronous calls of a class, inherited ones too, by name."""
    public = {name: getattr(kind, name) for name in dir(kind) if name[0] != "_"}
    return {name: each for name, each in public.items() if inspect.iscoroutinefunction(each)}


@pytest.mark.parametrize("kind", [JobQueue, JobCall, JobHandle])
def test_every_call_has_a_blocking_form(kind: type) -> None:
    """Programs without an event loop can do the same, with the same arguments."""
    found = calls(kind).items() - {(name, calls(kind).get(name)) for name in SERVICES}
    assert found
    for name, call in found:
        blocking = getattr(kind, f"{name}_sync")
        assert inspect.signature(blocking) == inspect.signature(call), name


def test_what_users_get_has_a_public_name() -> None:
    """Who annotates an answer, or a field of it, finds the class in ``jobqueue``."""
    answers = calls(JobQueue)
    assert {"find", "cancel", "set_limit", "enqueue_many"} <= set(answers)
    found = {*answers.values(), *calls(JobHandle).values()}
    found |= {DeadLetter, ExecutionView, FoundJob, JobHandle, LimitView, QueueView, Retried}
    ours = {
        one for each in found for a in typing.get_type_hints(each).values() for one in classes(a)
    }
    assert {FoundJob, QueueView, DeadLetter, Retried, ExecutionView, LimitView, State} <= ours
    assert {one.__name__ for one in ours} <= set(jobqueue.__all__)


def test_import_is_cheap() -> None:
    """``import jobqueue`` leaves alone what takes long to import."""
    code = "import sys, jobqueue; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {module.partition(".")[0] for module in done.stdout.split()}
    assert loaded & SLOW == set()


def test_a_producer_imports_no_services() -> None:
    """What sends jobs leaves workers and schedulers alone."""
    code = """
import sys
from jobqueue import JobQueue, Settings
JobQueue(settings=Settings(redis_url="redis://127.0.0.1:1")).wiring.client
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    parts = {".".join(module.split(".")[:2]) for module in done.stdout.split()}
    assert "jobqueue.client" in parts
    assert not parts & {"jobqueue.worker", "jobqueue.scheduler", "jobqueue.recorder"}
