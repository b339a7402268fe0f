"""An app goes to a test server and comes back as it was."""

from typing import Any

import pytest
from redis import Redis

from jobqueue import BrokerUnavailable, ConfigurationError, JobQueue, testing
from jobqueue.settings import Settings
from jobqueue.testing import Connect


def app_of(**options: Any) -> tuple[JobQueue, Any]:
    """Return an app and its only job."""
    app = JobQueue(**options)

    @app.job()
    async def double(n: int) -> int:
        return 2 * n

    return app, double


def test_it_comes_back(redis_url: str) -> None:
    """A URL in the code gives way and returns; parts that were made before are the same ones."""
    app, double = app_of(redis_url="redis://nobody.invalid")
    client, services = app.client, app.services
    with testing.connect(app, redis_url) as connected:
        assert connected is app
        assert app.settings.redis_url == redis_url
        double.enqueue_sync(1)
    assert (app.client, app.services) == (client, services)
    assert app.settings.redis_url == "redis://nobody.invalid"


def test_settings_are_read_again(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app whose settings nobody has read yet reads none too early."""
    app, _ = app_of()
    monkeypatch.setenv("JOBQUEUE_DEFAULT_QUEUE", "first")
    with testing.connect(app, redis_url):
        assert app.settings.default_queue == "first", "other settings are its own"
    monkeypatch.setenv("JOBQUEUE_DEFAULT_QUEUE", "second")
    assert app.settings.default_queue == "second"


def test_no_history_unless_given(redis_url: str) -> None:
    """A database that the app has otherwise is none of the test's."""
    app, _ = app_of(database_url="postgresql://nobody.invalid/none")
    with testing.connect(app, redis_url):
        assert app.settings.database_url is None
        assert testing.run_until_idle_sync(app) == []


def test_prefixes_apart(redis_url: str) -> None:
    """Two apps on one server see nothing of each other; each removes its own keys."""
    (one, double), (two, _) = app_of(), app_of()
    with Redis.from_url(redis_url) as redis, testing.connect(one, redis_url):
        double.enqueue_sync(1)
        with testing.connect(two, redis_url):
            two.ref("double").enqueue_sync(2)
            assert [job.arguments for job in testing.enqueued(one)] == [{"n": 1}]
            assert [job.arguments for job in testing.enqueued(two)] == [{"n": 2}]
        assert testing.run_until_idle_sync(one)
        assert redis.keys()
    with Redis.from_url(redis_url) as redis:
        assert redis.keys() == []


async def test_in_a_running_loop(redis_url: str) -> None:
    """``async with`` closes what the loop has opened; plain ``with`` is refused there."""
    app, double = app_of()
    with pytest.raises(RuntimeError, match="async with"), testing.connect(app, redis_url):
        pass
    async with testing.connect(app, redis_url):
        job = await double.enqueue(2)
        await testing.run_until_idle(app)
        assert await job.result() == 4
        with pytest.raises(RuntimeError, match="await run_until_idle"):
            testing.run_until_idle_sync(app)
    assert "client" not in vars(app)


def test_after_an_error(redis_url: str) -> None:
    """A failed test leaves nothing behind either."""
    app, double = app_of()

    def fail() -> None:
        double.enqueue_sync(1)
        raise LookupError

    with pytest.raises(LookupError), testing.connect(app, redis_url):
        fail()
    with Redis.from_url(redis_url) as redis:
        assert redis.keys() == []


def test_a_server_that_is_away() -> None:
    """The first enqueue says so; the app comes back all the same."""
    app, double = app_of(settings=Settings(enqueue_timeout=0.1))
    with pytest.raises(BrokerUnavailable), testing.connect(app, "unix:///nowhere/redis.sock"):
        double.enqueue_sync(1)
    assert app.settings.redis_url is None


async def test_an_app_that_is_not_connected_is_refused(redis_url: str) -> None:
    """No helper touches a server that no test has chosen."""
    app, double = app_of(redis_url=redis_url)
    with pytest.raises(ConfigurationError, match="jobqueue_connect"):
        testing.enqueued(app)
    with pytest.raises(ConfigurationError, match="jobqueue_connect"):
        testing.assert_enqueued(app, double)
    with pytest.raises(ConfigurationError, match="jobqueue_connect"):
        await testing.run_until_idle(app)
    with pytest.raises(ConfigurationError, match="jobqueue_connect"), testing.clock(app):
        pass


def test_the_fixture_takes_several_apps(jobqueue_connect: Connect) -> None:
    """Each has queues of its own."""
    (one, double), (two, _) = app_of(), app_of()
    jobqueue_connect(one)
    jobqueue_connect(two)
    double.enqueue_sync(1)
    assert len(testing.enqueued(one)) == 1
    assert testing.enqueued(two) == []
