"""``jobqueue doctor`` on real servers and services, in good condition and in bad ones."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobqueue.embedded import PostgresServer, ValkeyServer
from tests.acceptance.system import Ended, System, app_path, running
from tests.support import wait_until_sync

CALL = ("doctor", "--app", app_path("basics"), "--platform-grace", "30s")
LEASE = ("--lease", "2s")
OURS = {"postgresql autovacuum"}  # it would make tests depend on when it comes


@pytest.fixture
def durable(
    breakable_redis: ValkeyServer, breakable_postgres: PostgresServer, tmp_path: Path
) -> Iterator[System]:
    """Servers as they should be, and a schema."""
    with running(breakable_redis.url, breakable_postgres.url, tmp_path) as made:
        assert made.run("db", "upgrade").code == 0
        yield made


def found(ended: Ended) -> dict[str, dict[str, Any]]:
    """Return the findings by place and check."""
    return {f"{each['where']} {each['check']}": each for each in json.loads(ended.out)["findings"]}


def examined(system: System, *more: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit code and the findings."""
    ended = system.run(*CALL, *more, "--json")
    assert ended.err == ""
    return ended.code, found(ended)


def raw(redis: Any, words: list[str]) -> Any:
    """Run a command that was written for a shell."""
    return redis.execute_command(*words)


def healthy(system: System) -> bool:
    """Whether nothing is wrong but what is in our tests."""
    code, bad = examined(system)
    return code == 0 and set(bad) == OURS


def test_what_is_broken_is_named_and_its_command_mends_it(durable: System) -> None:
    """Nothing is wrong at first; what is broken is found, and the commands make it well again."""
    scheduler, worker = durable.scheduler(), durable.worker("basics", *LEASE)
    wait_until_sync(lambda: healthy(durable), description="nothing is wrong")
    people = durable.run(*CALL)
    assert people.out.endswith("\n1 warning\n")
    assert "schema 00" in people.out

    scheduler.stop()
    durable.enqueue("nothing")
    wait_until_sync(lambda: durable.ask("queues")[0]["journal"], description="an attempt ended")
    worker.stop()
    for job in ("nothing", "gone"):
        durable.enqueue(job)
    durable.queue.ref("echo").options(queue="lonely", delay=60).enqueue_sync(1)
    durable.redis.config_set("maxmemory-policy", "allkeys-lru")
    durable.redis.config_set("maxmemory", 1 << 30)
    durable.redis.config_set("appendonly", "no")
    durable.do("DROP SCHEMA jobqueue CASCADE")

    code, bad = examined(durable)
    errors = {name for name, each in bad.items() if each["severity"] == "error"}
    assert code == 1
    assert errors == {
        "redis eviction",
        "redis aof",
        "postgresql schema",
        "services no_scheduler",
        "services no_recorder",
        "queues no_worker",
    }
    people = durable.run(*CALL)
    assert people.code == 1
    assert "fix: jobqueue db upgrade" in people.out

    for name in ("redis eviction", "redis aof"):
        command, *words = shlex.split(bad[name]["remedy"])
        assert command == "redis-cli"
        assert raw(durable.redis, words)
    assert durable.run(*shlex.split(bad["postgresql schema"]["remedy"])[1:]).code == 0
    durable.scheduler()
    durable.worker("basics", "--queues", "default,lonely", *LEASE)
    wait_until_sync(
        lambda: set(examined(durable)[1]) == OURS | {"queues unknown_name"},
        description="all is well but the name that nobody knows",
    )


def test_a_server_that_is_away(
    durable: System, breakable_redis: ValkeyServer, breakable_postgres: PostgresServer
) -> None:
    """What can still be asked is examined; what can't is an error of its own."""
    breakable_postgres.stop()
    code, bad = examined(durable)
    assert (code, "postgresql away" in bad) == (1, True)
    assert "services no_scheduler" in bad

    breakable_redis.stop()
    breakable_postgres.start()
    code, bad = examined(durable)
    assert code == 1
    assert set(bad) - {"postgresql partitions"} == OURS | {"redis away"}  # nobody made any yet
    breakable_redis.start()


def test_settings_that_do_not_fit(system: System) -> None:
    """A grace above the platform's and a variable that nothing reads are found."""
    ended = system.run(
        "doctor", "--grace", "1m", "--platform-grace", "30s", "--json", JOBQUEUE_GRASE="5s"
    )
    bad = found(ended)
    assert bad["settings grace"]["severity"] == "error"
    assert bad["settings grace"]["remedy"].startswith("JOBQUEUE_GRACE=27s")
    assert "JOBQUEUE_GRACE" in bad["settings variable"]["problem"]
    assert system.run("doctor", "--platform-grace", "soon").code == 2
