"""The screen of ``jobqueue top`` on real servers, its keys pressed by textual's pilot."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from jobqueue import JobQueue, Permanent
from jobqueue.cli.screen import top
from jobqueue.cli.screen.looking import Look, look
from jobqueue.cli.screen.parts import Grid, Question
from jobqueue.cli.screen.top import Top
from jobqueue.settings import Settings
from tests.support import wait_until
from tests.support.stage import Stage

EVERY = 0.1  # seconds between two looks


def cells(screen: Top, name: str) -> list[list[str]]:
    """Return the texts of a table."""
    if not isinstance(screen.screen.query("Grid").first(), Grid):
        return []
    table = screen.query_one(f"#{name}", Grid)
    return [[str(each) for each in table.get_row_at(row)] for row in range(table.row_count)]


async def sees(screen: Top, what: Callable[[], object], description: str) -> None:
    """Wait until the screen shows something."""

    def shown() -> bool:
        return not isinstance(screen.screen, Question) and bool(what())

    await wait_until(shown, description=description)


async def answer(pilot: Pilot[None], key: str, reply: str = "y") -> None:
    """Press a key and answer the question that it asks."""
    await pilot.press(key)
    await wait_until(lambda: isinstance(pilot.app.screen, Question), description="a question")
    await pilot.press(reply)


async def test_queues_workers_and_keys(recorded: Stage) -> None:
    """What waits, runs and died is shown; it is paused, cancelled and put back by keys."""
    go = asyncio.Event()
    app = recorded.app

    @app.job()
    async def wait(_what: str) -> None:
        await go.wait()

    @app.job()
    async def die() -> None:
        if not go.is_set():
            raise Permanent("[b]no[/b] \x1b[31m")

    dead = await die.enqueue()
    running = await wait.enqueue("first")
    later = await wait.options(delay=600).enqueue("later")
    await app.ref("elsewhere").options(queue="other").enqueue()
    screen = Top(app, EVERY)
    async with app.worker(), screen.run_test(size=(160, 50)) as pilot:
        await wait_until(app.count_dead_letters, description="a letter")
        await sees(
            screen,
            lambda: {row[0] for row in cells(screen, "jobs")} == {running.id, later.id},
            "live jobs",
        )
        assert [row[0] for row in cells(screen, "queues")] == ["default", "other"]
        assert [row[2] for row in cells(screen, "workers")] == ["default"]

        await answer(pilot, "p", "n")
        await answer(pilot, "p")
        await sees(screen, lambda: cells(screen, "queues")[0][1].startswith("by "), "a pause")
        assert [pause.queue for pause in await app.pauses()] == ["default"]
        await answer(pilot, "p")
        await sees(screen, lambda: cells(screen, "queues")[0][1] == "", "no pause")

        await pilot.press("down")
        await sees(screen, lambda: [r[1] for r in cells(screen, "jobs")] == ["elsewhere"], "other")
        await pilot.press("up", "d")
        await sees(screen, lambda: [r[0] for r in cells(screen, "jobs")] == [dead.id], "the dead")
        assert "[b]no[/b]" in cells(screen, "jobs")[0][5]
        assert "\x1b" not in cells(screen, "jobs")[0][5]
        go.set()
        await answer(pilot, "r")
        await sees(screen, lambda: not cells(screen, "jobs"), "nothing is dead")
        await pilot.press("d")
        await sees(screen, lambda: [r[0] for r in cells(screen, "jobs")] == [later.id], "later")
        await answer(pilot, "c")
        await sees(screen, lambda: not cells(screen, "jobs"), "nothing lives")
        await pilot.press("q")
    assert await recorded.state(later.id) in {"cancelled", None}


async def test_a_server_that_is_away() -> None:
    """Its absence is a line, and the screen goes on."""
    app = JobQueue(settings=Settings(redis_url="redis://127.0.0.1:1"))
    screen = Top(app, EVERY)
    async with screen.run_test() as pilot:
        await sees(screen, lambda: "can't be reached" in screen.found.problem, "the problem")
        await pilot.press("c", "p", "r", "q")
    assert screen.return_code == 0


async def test_a_look_that_takes_long(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that takes longer than the time between two comes to its end."""

    async def slow(*args: Any, **named: Any) -> Look:
        await asyncio.sleep(4 * EVERY)
        return await look(*args, **named)

    monkeypatch.setattr(top, "look", slow)
    await stage.app.ref("x").enqueue()
    screen = Top(stage.app, EVERY)
    async with screen.run_test(size=(160, 50)):
        await sees(screen, lambda: cells(screen, "queues"), "the queue")
