"""An app with a history, and a job for its schedules."""

from collections.abc import AsyncIterator

import pytest

from tests.support.schedules import Note
from tests.support.stage import Stage, stage_on


@pytest.fixture
async def stored(redis_url: str, history_url: str) -> AsyncIterator[Stage]:
    """An app with a history; nothing runs yet."""
    async with stage_on(redis_url, database_url=history_url, operator="alice@desk") as stage:
        yield stage


@pytest.fixture
def note(stored: Stage) -> Note:
    """A job that notes a word."""

    @stored.app.job(redact=("token",))
    async def note(word: str, token: str = "") -> None:  # noqa: ARG001 - it is to be hidden
        stored.log.append(word)

    return note
