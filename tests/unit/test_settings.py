"""Merging settings: who wins, where values come from, and what is refused."""

import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobqueue.domain.errors import ConfigurationError
from jobqueue.settings import SETTINGS, Settings, load, unknown_variables

URL = "redis://user:secret@host/0"


def merged(folder: Path, environ: dict[str, str] | None = None, **overrides: Any) -> Settings:
    """Load settings with nothing around but what the test gives."""
    return load(overrides, environ=environ or {}, project_dir=folder)


def refusal(folder: Path, environ: dict[str, str] | None = None, **overrides: Any) -> str:
    """Return the message of the error that loading must raise."""
    with pytest.raises(ConfigurationError) as caught:
        merged(folder, environ, **overrides)
    return str(caught.value)


def test_defaults(tmp_path: Path) -> None:
    """Without any source every value is its default, and says so."""
    settings = merged(tmp_path)
    assert settings == Settings()
    assert {settings.origin(name) for name in SETTINGS} == {"default"}


def test_defaults_pass_their_own_checks() -> None:
    """A default written out is accepted, and means the same."""
    for row in SETTINGS.values():
        if row.default is not None:
            assert row.check(row.show(row.default), "test") == row.default, row.name


def test_documented_defaults() -> None:
    """The defaults are those of the design."""
    settings = Settings()
    assert (settings.concurrency, settings.threads, settings.retries) == (100, 32, 3)
    assert (settings.grace, settings.lease, settings.result_ttl) == (25.0, 15.0, 3600.0)
    assert (settings.max_arguments, settings.max_result) == (1 << 20, 64 << 10)
    assert settings.max_traceback == 16 << 10
    assert settings.history_retention == timedelta(days=90).total_seconds()


def test_order_of_sources(tmp_path: Path) -> None:
    """Each source wins over the ones below it; the origin names it."""
    (tmp_path / "pyproject.toml").write_text('[tool.jobqueue]\nredis_url = "redis://project"\n')
    config = tmp_path / "queue.toml"
    config.write_text('redis_url = "redis://config"\n')
    sources: list[tuple[dict[str, Any], str, str]] = [
        ({"project_dir": tmp_path}, "redis://project", str(tmp_path / "pyproject.toml")),
        ({"config_file": config}, "redis://config", str(config)),
        ({"environ": {"REDIS_URL": "redis://plain"}}, "redis://plain", "REDIS_URL"),
        (
            {"environ": {"REDIS_URL": "redis://plain", "JOBQUEUE_REDIS_URL": "redis://own"}},
            "redis://own",
            "JOBQUEUE_REDIS_URL",
        ),
        ({"overrides": {"redis_url": "redis://flag"}}, "redis://flag", "argument"),
    ]
    given: dict[str, Any] = {"environ": {}}
    for source, value, origin in sources:
        given |= source
        settings = load(**given)
        assert (settings.redis_url, settings.origin("redis_url")) == (value, origin)


def test_sources_fill_each_other(tmp_path: Path) -> None:
    """A source that says nothing about a setting hides no other one's value."""
    config = tmp_path / "queue.toml"
    config.write_text("lease = 20\n")
    settings = load(
        {"grace": 5, "lease": None},
        environ={"JOBQUEUE_CONCURRENCY": "7", "JOBQUEUE_LEASE": ""},
        config_file=config,
        project_dir=tmp_path,
    )
    assert (settings.grace, settings.concurrency, settings.lease) == (5.0, 7, 20.0)


def test_only_the_winner_is_checked(tmp_path: Path) -> None:
    """A flag repairs a wrong variable."""
    assert merged(tmp_path, {"JOBQUEUE_LEASE": "wrong"}, lease="20s").lease == 20.0


def test_typed_values(tmp_path: Path) -> None:
    """Python callers may give numbers, ``timedelta`` and lists."""
    settings = merged(tmp_path, lease=timedelta(seconds=20), queues=["a", "b"], retries=0)
    assert (settings.lease, settings.queues, settings.retries) == (20.0, ("a", "b"), 0)


BOUNDS = [
    ("lease", "1.9s", "at least 2s"),
    ("concurrency", "0", "at least 1"),
    ("threads", "0", "at least 1"),
    ("processes", "-1", "at least 1"),
    ("retries", "-1", "at least 0"),
    ("retries", "1000000001", "at most 1000000000"),
    ("crash_budget", "0", "at least 1"),
    ("grace", "-1", "out of range"),
    ("enqueue_timeout", "3301s", "at most 55m"),
    ("enqueue_timeout", "0", "at least 0.1s"),
    ("default_timeout", "0", "at least 0.001s"),
    ("max_arguments", "1", "at least 2B"),
    ("max_result", "3", "at least 4B"),
    ("max_traceback", "1023", "at least 1KiB"),
    ("journal_limit", "1KiB", "at least 1MiB"),
    ("history_retention", "23h", "at least 1d"),
    ("dead_letter_retention", "23h", "at least 1d"),
    ("operator_log_retention", "23h", "at least 1d"),
    ("result_ttl", "soon", "not understood"),
    ("default_queue", "a b", "can't name a queue"),
    ("default_priority", "urgent", "write one of critical, high, normal, low"),
    ("prefix", "{x}", "can't begin a key"),
    ("queues", "a,,b", "can't name a queue"),
    ("queue_concurrency", "a=0", "at least 1"),
    ("replicas", "0", "at least 1"),
    ("replication_timeout", "0s", "at least 0.01s"),
    ("idempotency_ttl", "0.5", "at least 1s"),
    ("app", "shop.py", "not MODULE:APP"),
    ("blocked_limit", "0.5", "at least 1s"),
    ("health_port", "65536", "at most 65535"),
    ("health_host", " ", "no text"),
    ("operator", " ", "no text"),
    ("code_version", " ", "no text"),
    ("log_level", "inof", "did you mean 'info'"),
    ("log_format", "xml", "write one of people, json"),
    ("redis_url", "localhost", "no URL"),
    ("database_url", "sqlite://x", "scheme 'sqlite' is unknown"),
]


@pytest.mark.parametrize(("name", "value", "problem"), BOUNDS)
def test_refusals(tmp_path: Path, name: str, value: str, problem: str) -> None:
    """A wrong value names the setting, its source and what would do."""
    variable = SETTINGS[name].variable
    message = refusal(tmp_path, {variable: value})
    assert message.startswith(f"{name} ({variable}): ")
    assert problem in message


def test_every_setting_has_a_refusal() -> None:
    """No setting takes just anything."""
    assert {name for name, _, _ in BOUNDS} == set(SETTINGS)


@pytest.mark.parametrize("variable", ["REDIS_URL", "JOBQUEUE_REDIS_URL"])
def test_wrong_url_names_its_variable(tmp_path: Path, variable: str) -> None:
    """The message says which variable holds the wrong URL, without the password."""
    message = refusal(tmp_path, {variable: "redis://user:secret@host/x"})
    assert message.startswith(f"redis_url ({variable}): 'redis://user:***@host/x'")


def test_unknown_override(tmp_path: Path) -> None:
    """A misspelt argument is an error with a suggestion."""
    assert "did you mean 'concurrency'" in refusal(tmp_path, concurency=1)


def test_unknown_variables() -> None:
    """A misspelt variable gives a warning; known ones and other programs' do not."""
    environ = dict.fromkeys([row.variable for row in SETTINGS.values()], "x")
    environ |= {"JOBQUEUE_REDIS_URL_FILE": "x", "JOBQUEUE_LESE": "1", "LEASE": "1"}
    assert unknown_variables(environ) == [
        "variable 'JOBQUEUE_LESE' is no setting; did you mean 'JOBQUEUE_LEASE'?"
    ]


def test_only_secrets_come_from_files() -> None:
    """``JOBQUEUE_LEASE_FILE`` is nothing we read."""
    assert len(unknown_variables({"JOBQUEUE_LEASE_FILE": "x"})) == 1


def test_secret_from_file(tmp_path: Path) -> None:
    """A ``*_FILE`` variable names a file that holds the URL, with a line break at its end."""
    secret = tmp_path / "redis"
    secret.write_text(f"{URL}\n")
    settings = merged(tmp_path, {"JOBQUEUE_REDIS_URL_FILE": str(secret), "REDIS_URL": "redis://x"})
    assert settings.redis_url == URL
    assert settings.origin("redis_url") == "JOBQUEUE_REDIS_URL_FILE"


def test_secret_file_that_is_missing(tmp_path: Path) -> None:
    """The message names the variable and the path."""
    message = refusal(tmp_path, {"JOBQUEUE_DATABASE_URL_FILE": "/nowhere/db"})
    assert message == (
        "JOBQUEUE_DATABASE_URL_FILE: /nowhere/db can't be read: No such file or directory"
    )


def test_secret_file_that_is_empty(tmp_path: Path) -> None:
    """An empty file is a mistake, not an unset value."""
    (tmp_path / "redis").touch()
    message = refusal(tmp_path, {"JOBQUEUE_REDIS_URL_FILE": str(tmp_path / "redis")})
    assert message.startswith("redis_url (JOBQUEUE_REDIS_URL_FILE): this is no URL")


def test_secret_given_twice(tmp_path: Path) -> None:
    """A value and a file for one setting is refused: one of them would be ignored."""
    environ = {"JOBQUEUE_REDIS_URL": URL, "JOBQUEUE_REDIS_URL_FILE": "/nowhere"}
    assert "both set" in refusal(tmp_path, environ)


def test_repr_hides_secrets() -> None:
    """Settings in a traceback or a log show no password."""
    assert "secret" not in repr(Settings(redis_url=URL, database_url="postgresql://u:secret@h/d"))


def test_settings_can_be_pickled(tmp_path: Path) -> None:
    """Child processes get the merged settings, origins included."""
    settings = merged(tmp_path, {"JOBQUEUE_LEASE": "20"})
    copy = pickle.loads(pickle.dumps(settings))  # noqa: S301 - made in the line itself
    assert copy == settings
    assert copy.origin("lease") == "JOBQUEUE_LEASE"


@pytest.mark.parametrize("name", ["app", "database_url", "redis_url"])
def test_required_but_unset(name: Any) -> None:
    """Who needs a value that nobody gave says every way to give it."""
    with pytest.raises(ConfigurationError) as caught:
        Settings().required(name)
    row = SETTINGS[name]
    for way in (row.flag, row.variable, row.fallback or "", "[tool.jobqueue]"):
        assert way in str(caught.value)


def test_required_and_set() -> None:
    """A value that is set is returned."""
    assert Settings(redis_url=URL).required("redis_url") == URL
