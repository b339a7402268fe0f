"""A service asks its server once what it is."""

from collections.abc import AsyncIterator

import pytest

from jobqueue.broker import facts
from jobqueue.broker.facts import GIB, Facts
from jobqueue.broker.lanes import Lane
from jobqueue.broker.servers import Server
from jobqueue.domain.errors import ConfigurationError
from jobqueue.embedded import ValkeyServer
from tests.support.broker import Broker, connect

GOOD = Facts("Redis", "8.2.0", 0, "noeviction", aof=True)


@pytest.fixture
async def broker(any_redis_url: str) -> AsyncIterator[Broker]:
    """One queue on a single server, on one connection."""
    async with connect(any_redis_url) as broker:
        yield broker


async def test_every_server(broker: Broker, request: pytest.FixtureRequest) -> None:
    """Flavour and version are the server's own, not those that it pretends to have."""
    found = await facts.ask(broker.lane)
    family, version = request.node.callspec.id.split("-")
    assert found.flavour.lower() == family
    assert found.version.startswith(version)
    assert (found.maxmemory, found.policy, found.aof) == (0, "noeviction", False)


async def test_settings(broker: Broker) -> None:
    """Settings that lose jobs are named, with the command that mends them."""
    await broker.redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    await broker.redis("CONFIG", "SET", "maxmemory", GIB)
    found = await facts.ask(broker.lane)
    await broker.redis("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert found.maxmemory == GIB
    [policy, aof] = found.warnings()
    assert "allkeys-lru" in policy
    assert "CONFIG SET maxmemory-policy noeviction" in policy
    assert "CONFIG SET appendonly yes" in aof


async def test_good_settings(breakable_redis: ValkeyServer) -> None:
    """A durable server that evicts nothing is fine."""
    async with Server(breakable_redis.url).lane() as lane:
        assert (await facts.ask(lane)).warnings() == []


def test_unknown_settings() -> None:
    """A server that does not say is not blamed."""
    assert Facts("Redis", "8.2.0", 0, None, aof=None).warnings() == []


@pytest.mark.parametrize(
    ("limit", "maxmemory", "bound"),
    [(None, 0, 2 * GIB), (None, GIB, GIB // 4), (None, 100 * GIB, 2 * GIB), (1000, GIB, 1000)],
)
def test_journal_bound(limit: int | None, maxmemory: int, bound: int) -> None:
    """The journal's bound is the setting, else a quarter of the memory, at most 2 GiB."""
    assert Facts("Redis", "8.2.0", maxmemory, "noeviction", aof=True).journal_bound(limit) == bound


@pytest.mark.parametrize(
    "info",
    [
        "redis_version:6.2.14",
        "redis_version:7.2.4\r\nvalkey_version:7.1.0",
        "redis_version:0.9",
    ],
)
async def test_too_old(broker: Broker, info: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is too old is refused, and the message says what is needed."""

    async def answer(_lane: Lane, *_command: object) -> bytes:
        return info.encode()

    monkeypatch.setattr(Lane, "command", answer)
    with pytest.raises(ConfigurationError, match="or newer is needed"):
        await facts.ask(broker.lane)
