"""Whatever a handler raises or returns is an attempt, and the worker lives on."""

import asyncio
import math
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from jobqueue.domain.executions import Execution
from tests.support.stage import Stage

CANCELLED = "asyncio.exceptions.CancelledError"


class UnprintableError(Exception):
    """Can't be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class ExitingError(Exception):
    """Ends the program of whoever prints it."""

    def __str__(self) -> NoReturn:
        raise SystemExit(7)

    __repr__ = __str__


class EndError(BaseException):
    """Is no ``Exception``."""


def group() -> BaseException:
    """Return an exception that holds others, one of which can't be printed."""
    return BaseExceptionGroup("both", [EndError("one"), UnprintableError()])


RAISED: dict[str, tuple[Callable[[], BaseException], str, str]] = {
    "system exit": (lambda: SystemExit(3), "SystemExit", "3"),
    "interrupt": (KeyboardInterrupt, "KeyboardInterrupt", ""),
    "generator exit": (GeneratorExit, "GeneratorExit", ""),
    "cancelled": (lambda: asyncio.CancelledError("mine"), CANCELLED, "mine"),
    "base": (lambda: EndError("x"), f"{__name__}.EndError", "x"),
    "unprintable": (
        UnprintableError,
        f"{__name__}.UnprintableError",
        "<message can't be printed: RuntimeError>",
    ),
    "exiting": (ExitingError, f"{__name__}.ExitingError", "<message can't be printed: SystemExit>"),
    "group": (group, "BaseExceptionGroup", "both (2 sub-exceptions)"),
    "nul": (lambda: ValueError("a\0b\ud800"), "ValueError", "a\\x00b\\ud800"),
}


async def last_row(stage: Stage, job_id: str) -> Execution:
    """Run the one job that waits, then another one in the same worker; return the first's row."""

    @stage.app.job()
    async def alive() -> str:
        return "alive"

    async with stage.app.worker(concurrency=1):
        [row] = await stage.ended(job_id)
        assert await (await alive.enqueue()).result(timeout=30) == "alive"
    return row


@pytest.mark.parametrize("kind", RAISED)
@pytest.mark.parametrize("place", ["loop", "thread"])
async def test_every_exception_is_an_attempt(stage: Stage, kind: str, place: str) -> None:
    """An exception of any class fails the attempt with its type, text and traceback."""
    make, name, message = RAISED[kind]

    @stage.app.job(retry=0)
    async def on_loop() -> NoReturn:
        raise make()

    @stage.app.job(retry=0)
    def in_thread() -> NoReturn:
        raise make()

    job = await (on_loop if place == "loop" else in_thread).enqueue()
    row = await last_row(stage, job.id)
    assert (row.outcome, row.attempt, row.reason) == ("failed", 1, "retries_exhausted")
    assert (row.error_type, row.error_message) == (name, message)
    trace = row.traceback or ""
    assert "raise make()" in trace, "the handler's frame is there"
    assert "executor.py" not in trace, "and the worker's own is not"
    assert "threads.py" not in trace


async def test_a_huge_traceback_is_cut(stage: Stage) -> None:
    """Of a long traceback head and tail are kept, of a long message too."""

    def dive(depth: int) -> None:
        if depth:
            return dive(depth - 1) if depth % 2 else dive_again(depth - 1)
        raise ValueError("deep" + "x" * 10_000_000)

    def dive_again(depth: int) -> None:
        dive(depth)

    @stage.app.job(retry=0)
    async def deep() -> None:
        dive(500)

    row = await last_row(stage, (await deep.enqueue()).id)
    trace, message = row.traceback or "", row.error_message or ""
    assert len(trace.encode()) <= stage.app.settings.max_traceback
    assert trace.startswith("Traceback (most recent call last):\n")
    assert trace.endswith("xxx\n")
    assert len(message.encode()) <= 4096
    assert message.startswith("deepx")


class Returned:
    """Is not JSON."""


def endless() -> list[Any]:
    """Return a list that contains itself."""
    own: list[Any] = []
    own.append(own)
    return own


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Returned, "result_not_json"),
        (lambda: math.nan, "result_not_json"),
        (lambda: "a\0b", "result_not_json"),
        (lambda: "\ud800", "result_not_json"),
        (endless, "result_not_json"),
        (lambda: "x" * 65_536, "result_too_large"),
    ],
    ids=["object", "nan", "nul", "surrogate", "endless", "large"],
)
async def test_a_result_that_can_not_be_kept(
    stage: Stage, make: Callable[[], Any], reason: str
) -> None:
    """What JSON does not have, or is too large, ends the job: no retry would heal it."""

    @stage.app.job(retry=5)
    async def produce() -> Any:
        return make()

    row = await last_row(stage, (await produce.enqueue()).id)
    assert (row.outcome, row.attempt, row.reason) == ("failed", 1, reason)
    assert row.result is None


async def test_the_largest_result_is_kept(stage: Stage) -> None:
    """A result as long as the limit says is no failure."""
    text = "x" * (65_536 - 2)

    @stage.app.job()
    async def produce() -> str:
        return text

    job = await produce.enqueue()
    async with stage.app.worker():
        assert await job.result(timeout=30) == text


async def test_cancelling_oneself_is_a_failure(stage: Stage) -> None:
    """A handler that cancels its own task fails; only the worker hands jobs back."""

    @stage.app.job(retry=0, timeout=30)
    async def suicidal() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    row = await last_row(stage, (await suicidal.enqueue()).id)
    assert (row.outcome, row.error_type) == ("failed", CANCELLED)


@pytest.mark.parametrize("ends", [SystemExit(3), KeyboardInterrupt()])
@pytest.mark.parametrize("form", ["task", "gather", "group"])
async def test_an_exit_in_a_task_of_the_handler(
    stage: Stage, ends: BaseException, form: str
) -> None:
    """``asyncio`` lets an exit in any task end the loop; a handler's ends the attempt."""

    async def helper() -> None:
        await asyncio.sleep(0)
        raise ends

    @stage.app.job(retry=0)
    async def work() -> None:
        if form == "task":
            await asyncio.create_task(helper())
        elif form == "gather":
            await asyncio.gather(helper(), asyncio.sleep(0))
        else:
            async with asyncio.TaskGroup() as group:
                group.create_task(helper())

    row = await last_row(stage, (await work.enqueue()).id)
    assert row.outcome == "failed"
    assert type(ends).__name__ in (row.traceback or "")
    if form != "group":
        assert row.error_type == type(ends).__name__


async def test_other_tasks_of_the_loop_are_left_alone(stage: Stage) -> None:
    """What the surrounding program raises in its own tasks is its own."""

    @stage.app.job()
    async def work() -> str:
        return "done"

    async def own() -> str:
        return "own"

    async with stage.app.worker():
        assert await (await work.enqueue()).result(timeout=30) == "done"
        task = asyncio.create_task(own(), name="mine")
        assert (task.get_name(), await task) == ("mine", "own")
        assert task.get_coro().__name__ == "own"  # type: ignore[union-attr]
