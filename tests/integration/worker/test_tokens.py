"""A read of tokens that goes on beside fetches."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from jobqueue.broker.servers import Server
from jobqueue.worker.outages import Outages
from jobqueue.worker.tokens import Tokens
from tests.support.stage import Stage
from tests.support.waiting import wait_until

from .conftest import nothing


@pytest.fixture
async def left(stage: Stage) -> AsyncIterator[Tokens]:
    """A read for two queues that was left to go on, and has the token of the first one."""
    keys = stage.broker.keys
    async with Server(stage.broker.url).lane() as lane:
        outages = Outages(
            lane, lambda: lane, {q: keys.base(q) for q in "ab"}, stage.log.append, nothing
        )
        tokens = Tokens(lane, {q: keys.wake(q) for q in "ab"}, lambda _: True, outages)
        at_once = asyncio.Event()
        at_once.set()
        assert await tokens.wait("ab", at_once) == []
        await stage.broker.redis("LPUSH", keys.wake("a"), 1)
        await wait_until(lambda: tokens._read is None or tokens._read.done(), description="a token")
        yield tokens


async def test_what_came_is_heard_once(left: Tokens) -> None:
    """Whoever asks between two waits hears of it, and the read is over."""
    assert left.heard() == ["a"]
    assert left.heard() == []
    assert not left.reading


@pytest.mark.parametrize("queues", ["ab", "b", "abc"])
async def test_the_next_wait_hears_of_it(left: Tokens, queues: str) -> None:
    """Also when it is for other queues, for which that read would be given up."""
    assert await left.wait(queues, None) == ["a"]
