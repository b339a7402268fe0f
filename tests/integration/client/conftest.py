"""A count of what reaches the server, and a way to see that nothing was stored."""

from collections.abc import Iterator

import pytest
from redis import Redis


class Counter:
    """Counts the commands that a server has executed since it was made or reset."""

    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url, decode_responses=True)
        self.reset()

    def reset(self) -> None:
        """Begin at zero."""
        self.redis.config_resetstat()

    def calls(self, *commands: str) -> int:
        """Return how often these commands came from clients, not from scripts."""
        stats = self.redis.info("commandstats")
        return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in commands)

    def round_trips(self) -> int:
        """Return how many scripts were run."""
        return self.calls("evalsha", "eval")

    def stored(self) -> set[str]:
        """Return every key that is there."""
        return {str(key) for key in self.redis.keys()}  # noqa: SIM118 - it is a command, not a dict


@pytest.fixture
def server(redis_url: str) -> Iterator[Counter]:
    """Look at the server beside the app."""
    counter = Counter(redis_url)
    yield counter
    counter.redis.close()
