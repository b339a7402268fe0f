"""Points an app at a test server, with a prefix of its own, and undoes it afterwards."""

import secrets
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from jobqueue.broker.keys import Keys
from jobqueue.client.blocking import refuse_loop
from jobqueue.testing.apps import App, lane_to
from jobqueue.testing.timed import TimedCalls

A = TypeVar("A", bound=App)


class Connect(Protocol):
    """What the fixture ``jobqueue_connect`` is."""

    def __call__(self, app: A, *, history: bool = False) -> A:
        """Point an app at a test server for the rest of this test, and return it.

        Args:
            app: Your app.
            history: Whether it gets an empty history in PostgreSQL, too.
        """


def connect(app: A, redis_url: str, *, database_url: str | None = None) -> "Connecting[A]":
    """Point an app at a test server; use it in ``with``, or in ``async with`` where a loop runs.

    The app keeps its other settings. It gets a prefix that nobody else has, so its queues
    are empty, and several tests may share a server. At the end its keys are removed and
    the app is as it was.

    Args:
        app: Your app.
        redis_url: A server for tests; see :func:`redis_server`.
        database_url: An empty history; see :func:`history`. Without one the app has none.
    """
    return Connecting(app, redis_url, database_url)


class Connecting(Generic[A]):
    """An app on its way to a test server and back."""

    def __init__(self, app: A, redis_url: str, database_url: str | None) -> None:
        self._app = app
        self._urls: dict[str, Any] = {"redis_url": redis_url, "database_url": database_url}
        self._undo = ExitStack()

    def begin(self) -> A:
        """Point the app at the test server."""
        prefix = f"test-{secrets.token_hex(6)}"
        self._undo.enter_context(self._app.swapped(prefix=prefix, **self._urls))
        self._app.wiring.calls = TimedCalls(Keys(prefix))
        self._app.services.warns = False
        return self._app

    def end(self) -> None:
        """Undo it; for code outside of every event loop that used the app."""
        self._app.client.close_stopped()
        self._leave()

    def __enter__(self) -> A:
        refuse_loop("with testing.connect", "async with testing.connect(...)")
        return self.begin()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    async def __aenter__(self) -> A:
        return self.begin()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._app.close()
        self._leave()

    def _leave(self) -> None:
        from jobqueue.broker import installation

        with self._undo, lane_to(self._app) as lane:
            installation.remove(lane, self._app.wiring.calls.keys)
