"""What the helpers need of an app, and how they know that it may be used in a test."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.extensions import Extensions
from jobqueue.domain.handlers import Handler
from jobqueue.settings import Settings
from jobqueue.testing.timed import TimedCalls

if TYPE_CHECKING:
    from jobqueue.broker.lanes import SyncLane
    from jobqueue.client.client import Client
    from jobqueue.services.services import Services
    from jobqueue.services.wiring import Wiring


class App(Protocol):
    """A :class:`~jobqueue.JobQueue`."""

    extensions: Extensions

    @property
    def jobs(self) -> Mapping[str, Handler]:
        """The declared handlers by name."""

    @property
    def settings(self) -> Settings:
        """The settings."""

    @property
    def client(self) -> "Client":
        """Sends jobs."""

    @property
    def wiring(self) -> "Wiring":
        """What talks to the server."""

    @property
    def services(self) -> "Services":
        """Makes services, and what operators use."""

    def swapped(
        self, *, client: "Client | None" = None, **settings: Any
    ) -> AbstractContextManager[None]:
        """Use other settings, or another client, inside the block."""

    async def close(self) -> None:
        """Close every connection of this event loop."""


def calls_of(app: App) -> TimedCalls:
    """Return what makes the calls of an app under test.

    Raises:
        ConfigurationError: No ``connect`` has pointed the app at a test server.
    """
    calls = app.wiring.calls
    if not isinstance(calls, TimedCalls):
        raise ConfigurationError(
            "this app is not connected to a test server: use the fixture jobqueue_connect(app), "
            "or `with testing.connect(app, redis_url):`"
        )
    return calls


@contextmanager
def lane_to(app: App) -> "Iterator[SyncLane]":
    """Give a blocking connection to the test server; each question takes it far below 1 ms."""
    lane = app.wiring.server.sync_lane()
    try:
        yield lane
    finally:
        lane.close()
