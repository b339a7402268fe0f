"""The clock that a test moves.

Due times, retries, leases, rates, expiry and schedules are decided in scripts, by the time
that :class:`TimedCalls` gives them. Lifetimes of keys (results, unique keys for a time,
idempotency keys) are Redis' own and can't be told the time: moving the clock shortens them
by as much instead. What a job came to has a lifetime only from a recorder; where none works,
:mod:`~jobqueue.testing.lifetimes` stands in for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from jobqueue.domain.instants import EPOCH, MILLISECOND, from_us, milliseconds
from jobqueue.testing.apps import App, calls_of, lane_to
from jobqueue.testing.lifetimes import end_results


class Clock:
    """The time of one app's queues; it stands still until it is moved.

    Args:
        app: An app that is connected to a test server.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._calls = calls_of(app)

    @property
    def now(self) -> datetime:
        """The time, in UTC."""
        assert self._calls.time_us is not None  # noqa: S101 - set as long as the block lasts
        return from_us(self._calls.time_us)

    def move(self, **units: float) -> None:
        """Move the time, as a ``timedelta`` takes it: ``clock.move(hours=1, minutes=30)``.

        Schedules that were not seen before begin at the old time, as if a scheduler ran. When
        a step passes several occurrences of one, the last one fires, as after an outage.
        """
        self._to(self.now + timedelta(**units))

    def move_to(self, moment: datetime) -> None:
        """Move the time to a moment, which may lie in the past.

        Raises:
            ValueError: It has no time zone.
        """
        if moment.tzinfo is None:
            raise ValueError(f"{moment!r} has no time zone; write datetime(..., tzinfo=UTC)")
        self._to(moment)

    def _to(self, moment: datetime) -> None:
        from jobqueue.broker import installation

        step = moment - self.now
        with lane_to(self._app) as lane:
            for each in self._app.services.scheduled():
                keys, now_ms = self._calls.keys, milliseconds(self.now)
                n = lane.call(self._app.wiring.splits.ask(each.queue))
                lane.command("HSETNX", keys.fired(each.place(n)), each.name, now_ms)
            end_results(self._app, lane, moment)
            installation.age(lane, self._calls.keys, step // MILLISECOND)
        self._calls.time_us = (moment - EPOCH) // timedelta(microseconds=1)


@contextmanager
def clock(app: App) -> Iterator[Clock]:
    """Stop the time of an app's queues and give a clock that moves it.

    It begins at the server's time, which counts again after the block. Handlers take as
    long as they take: their timeouts go by real time.

    Raises:
        ConfigurationError: The app is not connected to a test server.
    """
    calls = calls_of(app)
    before = calls.time_us
    with lane_to(app) as lane:
        calls.time_us = calls.now_us(lane.command("TIME"))
    try:
        yield Clock(app)
    finally:
        calls.time_us = before
