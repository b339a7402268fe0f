"""Runs jobs where they are enqueued: no server, no worker, no waiting."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from jobqueue.testing.apps import App

if TYPE_CHECKING:
    from jobqueue.client.client import Client


@contextmanager
def inline(app: App, *, raises: bool = True) -> Iterator[None]:
    """Let ``enqueue`` run the handler at once, in this process and without any server.

    Arguments and results are encoded and decoded as for a worker. Middleware, hooks,
    timeouts and retries are those of a worker too, but nobody waits for a retry or a
    ``Snooze``. A plain function runs in the thread that called ``enqueue_sync``.
    Delays, keys, limits and schedules mean nothing here, and only ``client`` calls work:
    questions such as ``app.find`` still go to a server.

    Args:
        app: Your app.
        raises: Raise from ``enqueue`` what the last attempt raised; else ``result()`` raises
            :class:`~jobqueue.JobFailed`, as it does for any job.
    """
    from jobqueue.testing.inline_client import InlineClient

    with app.swapped(client=cast("Client", InlineClient(app, raises=raises))):
        yield
