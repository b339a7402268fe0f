"""The compose file names real services, commands and files."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def services() -> dict[str, Any]:
    """Return the services of the compose file."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    return found


def test_every_service_is_there(services: dict[str, Any]) -> None:
    """Redis, PostgreSQL, the migration, a scheduler and two workers."""
    assert sorted(services) == [
        "migrate", "postgres", "redis", "scheduler", "worker-1", "worker-2",
    ]  # fmt: skip


def test_long_running_services_have_health_checks(services: dict[str, Any]) -> None:
    """Everything but the migration says whether it is well."""
    assert all("healthcheck" in each for name, each in services.items() if name != "migrate")


def test_redis_keeps_jobs(services: dict[str, Any]) -> None:
    """Redis writes an AOF and never evicts."""
    command = " ".join(services["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_dependencies_exist(services: dict[str, Any]) -> None:
    """Nothing waits for a service that is not in the file."""
    for each in services.values():
        assert set(each.get("depends_on", {})) <= set(services)


def test_commands_exist(services: dict[str, Any]) -> None:
    """Each command line begins with a command of ours."""
    import typer

    from jobqueue.cli.main import app

    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    ours = [each for each in services.values() if each["image"].startswith("jobqueue:")]
    assert len(ours) == 4
    for each in ours:
        assert each["command"][0] in known
        assert (ROOT / each["build"]["dockerfile"]).is_file()


def test_workers_get_time_to_hand_back(services: dict[str, Any]) -> None:
    """The platform waits longer than the default grace of 25 s."""
    for name in ("worker-1", "worker-2"):
        assert int(services[name]["stop_grace_period"].rstrip("s")) > 25


def test_health_checks_ask_the_port_that_is_served(services: dict[str, Any]) -> None:
    """The probe's address is the one that the variable gives."""
    for name in ("scheduler", "worker-1", "worker-2"):
        port = services[name]["environment"]["JOBQUEUE_HEALTH_PORT"]
        assert f"http://127.0.0.1:{port}/readyz" in services[name]["healthcheck"]["test"][-1]
