"""Whose settings an app has, and when they are read."""

from typing import Any

import pytest

from jobqueue import ConfigurationError, InvalidJob, JobQueue, Priority
from jobqueue.settings import Settings, load


def greet(name: str) -> str:
    """Say hello."""
    return f"hello {name}"


@pytest.fixture
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Have no settings around."""
    monkeypatch.chdir(tmp_path)
    for name in ("REDIS_URL", "DATABASE_URL", "JOBQUEUE_REDIS_URL", "JOBQUEUE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_alone")
def test_settings_are_read_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apps may be made, jobs declared and options given before the environment is set."""
    monkeypatch.setenv("JOBQUEUE_DEFAULT_PRIORITY", "nonsense")
    app = JobQueue()
    job = app.job()(greet)
    low = job.options(delay=5)
    monkeypatch.setenv("JOBQUEUE_DEFAULT_PRIORITY", "low")
    assert low.prepare("you").job.priority == Priority.LOW
    monkeypatch.setenv("JOBQUEUE_DEFAULT_PRIORITY", "high")
    assert job.prepare("you").job.priority == Priority.LOW


@pytest.mark.usefixtures("_alone")
def test_no_url() -> None:
    """The error says every way to give one."""
    app = JobQueue()
    with pytest.raises(ConfigurationError, match=r"redis_url is not set: .*JOBQUEUE_REDIS_URL"):
        app.ref("job").enqueue_sync()


@pytest.mark.usefixtures("_alone")
def test_urls_from_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument wins over the environment."""
    monkeypatch.setenv("JOBQUEUE_REDIS_URL", "redis://environment")
    monkeypatch.setenv("DATABASE_URL", "postgresql://environment/db")
    settings = JobQueue("redis://code").settings
    assert settings.redis_url == "redis://code"
    assert settings.database_url == "postgresql://environment/db"


def test_urls_beside_settings() -> None:
    """A URL beside ready settings counts: it is the more particular one."""
    given = Settings(redis_url="redis://settings", database_url="postgresql://h/db", prefix="p")
    settings = JobQueue("redis://code", settings=given).settings
    assert (settings.redis_url, settings.prefix) == ("redis://code", "p")
    assert settings.database_url == "postgresql://h/db"
    assert JobQueue(settings=given).settings == given


@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize("settings", [None, Settings()])
@pytest.mark.parametrize(
    ("urls", "words"),
    [
        ({"redis_url": "http://x"}, "redis_url (argument): "),
        ({"redis_url": ""}, "redis_url (argument): "),
        ({"redis_url": 5}, "redis_url (argument): "),
        ({"database_url": "mysql://x/y"}, "database_url (argument): "),
    ],
)
def test_wrong_url(settings: Settings | None, urls: dict[str, Any], words: str) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError) as caught:
        _ = JobQueue(settings=settings, **urls).settings
    assert str(caught.value).startswith(words)


def test_a_wrong_url_of_the_code_beside_a_variable() -> None:
    """The code is blamed for its own URL, not the variable that it replaces."""
    app = JobQueue("http://x")
    settings = load({}, environ={"JOBQUEUE_REDIS_URL": "redis://right"})
    with pytest.raises(ConfigurationError, match=r"^redis_url \(argument\): "):
        app.configure(settings)
    assert JobQueue("redis://code", settings=settings).settings.origin("redis_url") == "argument"


def test_configure_reaches_what_was_made_before() -> None:
    """The command line's settings count for jobs that were declared when the app was imported."""
    app = JobQueue(settings=Settings(redis_url="redis://localhost:1"))
    job = app.job()(greet)
    low = job.options(priority="low")
    assert {job.prepare("a").queue, low.prepare("a").queue} == {"default"}
    app.configure(load({"default_queue": "other", "max_arguments": 30}, environ={}))
    assert {job.prepare("a").queue, low.prepare("a").queue} == {"other"}
    with pytest.raises(InvalidJob, match="limit of 30"):
        low.prepare("x" * 30)


@pytest.mark.parametrize(
    ("origin", "url"), [("command line", "redis://flag"), ("JOBQUEUE_REDIS_URL", "redis://code")]
)
def test_configure_and_urls_of_the_code(origin: str, url: str) -> None:
    """A URL in the code wins over everything but a flag."""
    app = JobQueue("redis://code")
    app.configure(load({"redis_url": "redis://flag"}, overrides_from=origin, environ={}))
    assert app.settings.redis_url == url


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"default_queue": "a b"}, "default_queue (argument): 'a b' can't name a queue"),
        ({"default_priority": "hihg"}, "default_priority (argument): 'hihg' is unknown; did you"),
        ({"lease": "1s"}, "lease (argument): must be at least 2s"),
        ({"redis_url": "nonsense"}, "redis_url (argument)"),
    ],
)
def test_wrong_settings(values: dict[str, Any], words: str) -> None:
    """Settings that are made by hand are checked like those that are loaded."""
    with pytest.raises(ConfigurationError) as caught:
        Settings(**values)
    assert words in str(caught.value)
