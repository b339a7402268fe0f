"""A duty that is done for each of some names by itself."""

import asyncio
from contextlib import suppress
from typing import Any, Self, cast

import pytest

from jobqueue.broker.lanes import Lane
from jobqueue.services import apart
from jobqueue.services.apart import Apart
from tests.support.waiting import wait_until


class Once:
    """A duty that has an end."""

    problem: str | None = None

    def __init__(self, name: str, begun: list[str]) -> None:
        begun.append(name)

    async def run(self) -> None:
        """Have nothing to do."""


class NoLane:
    """A lane that nobody uses."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


async def test_a_name_that_is_gone_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """When its duty has ended, it is begun anew for a name that comes up again."""
    monkeypatch.setattr(apart, "EVERY", 0.01)
    begun: list[str] = []

    async def names(_: Lane) -> list[str]:
        return ["clock"]

    def make(_: Lane, name: str) -> Any:
        return Once(name, begun)

    task = asyncio.create_task(Apart("firer", lambda: cast("Lane", NoLane()), names, make).run())
    await wait_until(lambda: len(begun) > 1, description="it was begun twice")
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
