"""What ``enqueued`` lists and ``assert_enqueued`` finds."""

from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from jobqueue import JobQueue, State, testing


@dataclass
class Order:
    """An argument that JSON has no type for."""

    day: date
    n: int


def test_the_list_is_in_the_order_of_running(app: JobQueue) -> None:
    """Ready jobs by priority and arrival, then blocked ones, then later ones by their time."""

    @app.job()
    def note(n: int) -> None: ...

    for n, options in enumerate(
        [{"delay": 60}, {"lock": "a"}, {"lock": "a"}, {"delay": 30}, {}, {"priority": "high"}]
    ):
        note.options(**options).enqueue_sync(n)  # type: ignore[arg-type]
    found = testing.enqueued(app)
    assert [job.arguments["n"] for job in found] == [5, 1, 4, 2, 3, 0]
    assert [job.state for job in found] == [
        *[State.READY] * 3, State.BLOCKED, State.SCHEDULED, State.SCHEDULED,
    ]  # fmt: skip
    assert [job.delay for job in found] == [0, 0, 0, 0, 30, 60]
    assert all(job.queue == "default" and job.name == "note" for job in found)


def test_what_runs_or_has_ended_is_not_in_it(app: JobQueue) -> None:
    """A job that is running sees the others, and itself no more."""

    @app.job(queue="a")
    def look() -> int:
        return len(testing.enqueued(app))

    @app.job(queue="a", priority="low")
    def later() -> None: ...

    later.options(delay=60).enqueue_sync()
    look.enqueue_sync()
    [ran] = testing.run_until_idle_sync(app)
    assert ran.result == 1
    assert [job.name for job in testing.enqueued(app)] == ["later"]


def test_arguments_are_compared_as_they_are_stored(app: JobQueue) -> None:
    """Some of them are enough, and values may be of the handler's types."""

    @app.job()
    def ship(order: Order, *, express: bool = False) -> None: ...

    order = Order(date(2030, 1, 1), 2)
    ship.enqueue_sync(order, express=True)
    [found] = testing.assert_enqueued(app, ship, {"order": order})
    assert found.arguments == {"order": {"day": "2030-01-01", "n": 2}, "express": True}
    testing.assert_enqueued(app, "ship", {"express": True, "order": order}, count=1)
    testing.assert_enqueued(app, ship, {"order": Order(date(2030, 1, 2), 2)}, count=0)
    testing.assert_enqueued(app, ship, {"colour": None}, count=0)


def test_options(app: JobQueue) -> None:
    """Queue, priority and delay, each alone and together."""

    @app.job()
    def note() -> None: ...

    note.options(queue="other", priority="low", delay=timedelta(minutes=5)).enqueue_sync()
    note.enqueue_sync()
    testing.assert_enqueued(app, note, count=2)
    testing.assert_enqueued(app, note, queue="other", priority="low", delay=300, count=1)
    testing.assert_enqueued(app, note, delay=timedelta(minutes=5), count=1)
    testing.assert_enqueued(app, note, delay=0, count=1)
    testing.assert_enqueued(app, note, delay=302, count=0)
    testing.assert_enqueued(app, note, priority="normal", queue="default", count=1)


def test_the_message(app: JobQueue) -> None:
    """It says what was expected, how many there are, and all that waits."""

    @app.job()
    def note(n: int) -> None: ...

    with pytest.raises(AssertionError) as caught:
        testing.assert_enqueued(app, note)
    assert str(caught.value) == (
        "expected at least one of note(), found none; what waits:\n  nothing"
    )
    note.options(lock="a").enqueue_sync(1)
    note.options(lock="a", queue="default").enqueue_sync(2)
    with pytest.raises(AssertionError) as caught:
        testing.assert_enqueued(app, "note", {"n": 1}, queue="default", delay=0, count=2)
    assert str(caught.value) == (
        "expected 2 of note(n=1) with queue='default', delay=0, found 1; what waits:\n"
        "  note(n=1)  queue 'default', normal, ready\n"
        "  note(n=2)  queue 'default', normal, blocked"
    )
    with pytest.raises(AssertionError, match=r"expected none of note\(\), found 2"):
        testing.assert_enqueued(app, "note", count=0)


async def test_in_async_code(app: JobQueue) -> None:
    """The same functions serve there."""

    @app.job()
    async def note() -> None: ...

    await note.enqueue()
    testing.assert_enqueued(app, note, count=1)
