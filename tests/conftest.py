"""Real servers for tests: one of each kind for each xdist worker, emptied for each test.

- ``redis_url``: the wheel's Valkey, flushed.
- ``any_redis_url``: the same test on every server of this machine (see the header
  of the test run): Valkey 9.1, Redis 8.2, Redis 7.0.
- ``cluster``: six nodes, flushed; a test that kills nodes makes its own.
- ``postgres_url``: an empty database. ``history_url``: a migrated one.
- ``breakable_redis``, ``breakable_postgres``: durable servers of this test alone,
  to kill, stop and restart.

After every test ``judge`` looks at the keys that it has left in Redis.
"""

import signal
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from jobqueue import testing
from jobqueue.embedded import PostgresServer, ValkeyServer
from tests.support import keyspace
from tests.support.cluster import Cluster
from tests.support.servers import (
    durable_postgres,
    fast_postgres,
    fast_redis,
    flush,
    redis_programs,
)

# How long an example takes says more about the other tests of the machine than about it.
settings.register_profile("jobqueue", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("jobqueue")

# Whoever is started in the background of a shell ignores Ctrl-C, and so would every program here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["jobqueue.testing.plugin"]  # the one that users get by its entry point


def pytest_report_header() -> str:
    """Say which servers the tests run on: a missing one must not go unnoticed."""
    return f"redis servers: {', '.join(redis_programs()) or 'none'}"


@pytest.fixture
def prefix() -> str:
    """What every key begins with; a test with another one gives it as a parameter."""
    return "jobqueue"


@pytest.fixture
def judge(request: pytest.FixtureRequest, prefix: str) -> Callable[[str], None]:
    """Assert that a test has left no key on a server without a lifetime or an owner.

    Every fixture that gives a test a Redis calls it when the test is over, and while the
    server still runs. Where there is nothing to judge, a test says why with the marker
    ``keys_not_judged``; a server that does not answer any more is an error.
    """
    if mark := request.node.get_closest_marker("keys_not_judged"):
        assert mark.args, "keys_not_judged wants the reason"
        return lambda _url: None
    return lambda url: keyspace.check(url, [prefix])


@pytest.fixture(scope="session")
def _redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    with fast_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(_redis_server: ValkeyServer, judge: Callable[[str], None]) -> Iterator[str]:
    """An empty Valkey of this xdist worker."""
    flush(_redis_server.url)
    yield _redis_server.url
    judge(_redis_server.url)


@pytest.fixture(scope="session")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(_cluster: Cluster, judge: Callable[[str], None]) -> Iterator[Cluster]:
    """An empty cluster of this xdist worker."""
    _cluster.flush()
    yield _cluster
    judge(_cluster.url)


@pytest.fixture(scope="session", params=redis_programs())
def _any_redis_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ValkeyServer]:
    program = redis_programs()[request.param]
    with fast_redis(tmp_path_factory.mktemp(request.param), program) as server:
        yield server


@pytest.fixture
def any_redis_url(_any_redis_server: ValkeyServer, judge: Callable[[str], None]) -> Iterator[str]:
    """An empty server; the test runs once on each kind."""
    flush(_any_redis_server.url)
    yield _any_redis_server.url
    judge(_any_redis_server.url)


@pytest.fixture(scope="session")
def _postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with fast_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def postgres_url(_postgres_server: PostgresServer) -> Iterator[str]:
    """An empty database of this test alone."""
    from jobqueue.history import scratch

    url = scratch.create(_postgres_server.url)
    yield url
    scratch.drop(_postgres_server.url, url)


@pytest.fixture(scope="session")
def _history_template(_postgres_server: PostgresServer) -> Iterator[str]:
    with testing.history(_postgres_server.url) as url:
        yield url


@pytest.fixture
def history_url(_postgres_server: PostgresServer, _history_template: str) -> Iterator[str]:
    """A database of this test alone with the current schema."""
    with testing.history(_postgres_server.url, template=_history_template) as url:
        yield url


@pytest.fixture
def breakable_redis(
    tmp_path_factory: pytest.TempPathFactory, judge: Callable[[str], None]
) -> Iterator[ValkeyServer]:
    """A Valkey with AOF of this test alone, which it may kill, and starts again then."""
    with ValkeyServer(tmp_path_factory.mktemp("own")) as server:
        yield server
        judge(server.url)


@pytest.fixture
def breakable_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL of this test alone, which it may kill and restart; nothing committed is lost."""
    with durable_postgres(tmp_path_factory.mktemp("own")) as server:
        yield server
