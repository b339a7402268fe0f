"""Every program dies once at each place between two of its steps, and nothing is lost.

A gate counts what goes over the wire and kills at a step of this list; a step that is never
reached fails its test. What is missing below changes nothing: it reads, or it greets.
"""

import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from redis import Redis

from jobqueue.broker.keys import Keys
from tests.acceptance.apps import asking
from tests.acceptance.gate import Gate, Step, postgres_gate, redis_gate
from tests.acceptance.system import Program, System, app_path
from tests.support import keyspace, wait_until_sync

PARTITIONS = """
    SELECT inhrelid::regclass::text AS name FROM pg_inherits
    WHERE inhparent = 'jobqueue.job_executions'::regclass
"""
APP = app_path("stepping")
KINDS = ["second_time", "hopeless", "steady", "endless"]
OUTCOMES = {"hopeless": "failed", "unwanted": "cancelled"}


def both(*names: str, counts: int = 1) -> list[Step]:
    """Return the places before and after the first steps of each name."""
    numbers = range(1, counts + 1)
    return [Step(name, n, before) for name in names for n in numbers for before in (True, False)]


def after(*names: str) -> list[Step]:
    """Return the places after the first step of each name."""
    return [Step(name) for name in names]


WORKER = [
    *both("fetch", "finish", counts=2),
    *both("progress", "renew", "release"),
    *after("rules", "join", "beat", "INFO", "leases", "BLPOP wake", "DEL", "SREM"),
]
SCHEDULER = [
    *both("promote", "fire", "recorded"),
    *after("join", "beat", "SMEMBERS", "BLPOP wake", "HSETNX", "HGET", "DEL", "SREM"),
]
UPKEEP = after("connect", "CREATE jobqueue.job_executions", "ALTER jobqueue.job_executions")
RECORDER = [
    *both("recorded"),
    *both("XREADGROUP", counts=2),
    *after("SMEMBERS", "XGROUP", "XINFO"),
]
WRITER = [
    *both("copy done", "COMMIT", "INSERT jobqueue.dead_letters"),
    *after("connect", "BEGIN", "COPY jobqueue.job_executions", "CREATE jobqueue.job_executions"),
    *after("ALTER jobqueue.job_executions"),
]
PRODUCER = [*both("enqueue", counts=3), *both("watch", "cancel"), *after("HELLO", "BLPOP inbox")]
REDRIVE = both("register", "redrive")
LETTERS = [
    *both("UPDATE jobqueue.dead_letters"),
    *(Step("COMMIT", 2, before) for before in (True, False)),  # the first is that of the log
    *after("connect", "SELECT jobqueue.dead_letters", "INSERT jobqueue.operator_log"),
]


class Stage:
    """A system with jobs, of which one program is going to die."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.jobs: dict[str, str] = {}

    def enqueue(self) -> None:
        """Enqueue a job of each kind, some quick ones, two with a lock, and one for later."""
        enqueue = self.system.enqueue
        self.jobs |= {enqueue("quick", n): "quick" for n in range(5)}
        self.jobs |= {enqueue(name): name for name in KINDS}
        locked = self.system.queue.ref("quick").options(lock="one")
        self.jobs |= {locked.enqueue_sync(n).id: "quick" for n in range(2)}
        delayed = self.system.queue.ref("later").options(delay=0.5)
        self.jobs |= {delayed.enqueue_sync().id: "later"}

    def worker(self, **variables: str) -> Program:
        """Start a worker."""
        return self.system.start("worker", APP, "--lease", "2", "--grace", "0.2", **variables)

    def doomed(self, url: str) -> Program:
        """Start a worker that is going to die, or to be told to stop and die then."""
        return self.worker(JOBQUEUE_REDIS_URL=url, TO_BE_STOPPED="yes")

    def finals(self) -> list[dict[str, Any]]:
        """Return the final rows of our jobs."""
        return self.system.rows("final AND job_id = ANY(%s)", list(self.jobs))

    def ended(self, *, but: int = 0) -> bool:
        """Say whether our jobs have ended, but for so many."""
        return len(self.finals()) >= len(self.jobs) - but

    def check(self) -> None:
        """Hold history and Redis against what must have happened."""
        wait_until_sync(self.ended, description="every job ends", deadline=30)
        finals = self.finals()
        assert sorted(row["job_id"] for row in finals) == sorted(self.jobs)
        for row in finals:
            expected = OUTCOMES.get(self.jobs[row["job_id"]], "succeeded")
            assert row["outcome"] == expected, row
        self._check_rows()
        with Redis.from_url(self.system.redis_url) as redis:
            journal = Keys("jobqueue").journal("default")
            wait_until_sync(lambda: not redis.xlen(journal), description="the journal is empty")
        assert keyspace.miscounted(self.system.redis_url) == []

    def check_after_a_recorder(self) -> None:
        """Let another scheduler, which records too, do the rest, and hold all against the truth."""
        self.system.scheduler()
        self.check()

    def _check_rows(self) -> None:
        rows: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
        for row in self.system.rows():
            rows[row["job_id"], row["run"]].append(row)
        for key, own in rows.items():
            deliveries = [row["delivery"] for row in own]
            assert len(set(deliveries)) == len(deliveries), key
            attempts = sorted({row["attempt"] for row in own if row["delivery"]})
            assert attempts == list(range(1, len(attempts) + 1)), key
            assert sum(row["final"] for row in own) <= 1, key


def die(gate: Gate, step: Step, program: Program, ended: Callable[[], bool]) -> None:
    """Let a program come to its step and die there; it is told to stop when all has ended."""
    gate.is_of(program.process.pid)
    wait_until_sync(
        lambda: gate.killed.is_set() or ended(),
        description=f"it dies {step}, or all has ended",
        deadline=30,
    )
    if not gate.killed.is_set():
        program.send(signal.SIGTERM)
    wait_until_sync(gate.killed.is_set, description=f"{step} among {gate.seen}")
    assert program.wait() == -signal.SIGKILL


@pytest.mark.parametrize("step", WORKER, ids=str)
def test_worker(system: System, step: Step) -> None:
    """A worker dies: another one ends what it had, and nothing is forgotten or written twice."""
    stage = Stage(system)
    with redis_gate(system.redis_url) as (gate, url):
        gate.kill_at(step)
        system.start("scheduler")
        stage.enqueue()
        die(gate, step, stage.doomed(url), lambda: stage.ended(but=1))
    stage.worker()
    stage.check()


@pytest.mark.parametrize("step", both("reclaim"), ids=str)
def test_reclaimer(system: System, step: Step) -> None:
    """A worker dies while it takes back what another dead one had."""
    stage = Stage(system)
    with redis_gate(system.redis_url) as (gate, url):
        gate.kill_at(step)
        system.start("scheduler")
        stage.enqueue()
        first = stage.doomed(system.redis_url)
        system.noted(1)
        first.kill()
        die(gate, step, stage.doomed(url), lambda: stage.ended(but=1))
    stage.worker()
    stage.check()


@pytest.mark.parametrize("step", SCHEDULER + UPKEEP, ids=str)
def test_scheduler(system: System, step: Step) -> None:
    """A scheduler dies: the next one promotes, fires and records the rest."""
    with doomed_recorder(system, step, UPKEEP) as (stage, gate, redis, urls):
        scheduler = system.start("scheduler", APP, **urls)
        die(gate, step, scheduler, lambda: stage.ended() and "fire" in redis.seen)
    stage.check_after_a_recorder()


@pytest.mark.parametrize("step", RECORDER + WRITER, ids=str)
def test_recorder(system: System, step: Step) -> None:
    """A recorder dies: the next one writes what it had read, each row once."""
    with doomed_recorder(system, step, WRITER) as (stage, gate, _, urls):
        recorder = system.start("recorder", **urls)
        die(gate, step, recorder, lambda: stage.ended(but=2))  # nobody promotes
    stage.check_after_a_recorder()


@pytest.mark.parametrize("step", [*after("XPENDING"), *both("XCLAIM")], ids=str)
def test_heir(system: System, step: Step) -> None:
    """A recorder dies while it takes over what another dead one had read."""
    stage = Stage(system)
    first, journal = Step("XREADGROUP", 2), Keys("jobqueue").journal("default")
    with redis_gate(system.redis_url) as (gate, url), redis_gate(system.redis_url) as (last, way):
        gate.kill_at(first)
        stage.worker()
        stage.enqueue()
        # The first read of all makes the group; the second brings what is there by then.
        wait_until_sync(lambda: system.redis.xlen(journal), description="a record")
        recorder = system.start("recorder", JOBQUEUE_REDIS_URL=url)
        die(gate, first, recorder, lambda: stage.ended(but=2))
        last.kill_at(step)
        heir = system.start("recorder", JOBQUEUE_REDIS_URL=way)
        die(last, step, heir, lambda: False)
    stage.check_after_a_recorder()


@pytest.mark.parametrize("step", PRODUCER, ids=str)
def test_producer(system: System, step: Step) -> None:
    """A producer dies: what it was promised is there, and to repeat the rest makes no job twice."""
    system.start("scheduler")
    stage = Stage(system)
    command = [sys.executable, "-m", "tests.acceptance.apps.asking"]
    with redis_gate(system.redis_url) as (gate, url):
        gate.kill_at(step)
        environment = system.environment | {"JOBQUEUE_REDIS_URL": url}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as producer:
            gate.is_of(producer.pid)
            wait_until_sync(
                lambda: gate.killed.is_set() or "BLPOP inbox" in gate.seen,
                description=f"it waits for its job, or dies {step}",
            )
            stage.worker()  # only now, or the job could end before anybody waits for it
            promised = producer.communicate(timeout=30)[0].decode().split()
    assert gate.killed.is_set(), f"{step} among {gate.seen}"
    subprocess.run([*command, *promised], env=system.environment, check=True, timeout=30)
    stage.jobs = dict.fromkeys(["one", *asking.MANY], "quick") | {"unwanted": "unwanted"}
    stage.check()


@pytest.mark.parametrize("step", REDRIVE + LETTERS, ids=str)
def test_redrive(system: System, step: Step) -> None:
    """A redrive dies between two servers: repeated, it has put the job back exactly once."""
    system.start("scheduler")
    stage = Stage(system)
    stage.worker()
    job_id = system.enqueue("hopeless")
    system.finals(1)
    with gates(system) as (redis, postgres, urls):
        gate = postgres if step in LETTERS else redis
        gate.kill_at(step)
        died = system.start("dlq", "retry", job_id, **urls)
        die(gate, step, died, lambda: died.process.poll() is not None)
    # Not found when its letter was marked before the end.
    assert system.run("dlq", "retry", job_id).code in {0, 3}
    [first, second] = system.finals(2)
    assert (first["run"], first["outcome"]) == (0, "failed")
    assert (second["run"], second["outcome"]) == (1, "succeeded")
    assert system.queue.dead_letters_sync() == []


@contextmanager
def gates(system: System) -> Iterator[tuple[Gate, Gate, dict[str, str]]]:
    """Give a gate before each server, and the settings that lead through them."""
    history = system.urls["JOBQUEUE_DATABASE_URL"]
    with redis_gate(system.redis_url) as (redis, url), postgres_gate(history) as (postgres, other):
        yield redis, postgres, {"JOBQUEUE_REDIS_URL": url, "JOBQUEUE_DATABASE_URL": other}


@contextmanager
def doomed_recorder(
    system: System, step: Step, of_postgres: Sequence[Step]
) -> Iterator[tuple[Stage, Gate, Gate, dict[str, str]]]:
    """Give a stage where jobs run, and gates at one of which whoever records them is to die.

    Returns:
        The stage, the gate that kills, that of Redis, and the settings that lead through them.
    """
    stage = Stage(system)
    drop_partitions(system)
    with gates(system) as (redis, postgres, urls):
        gate = postgres if step in of_postgres else redis
        gate.kill_at(step)
        stage.worker()
        stage.enqueue()
        yield stage, gate, redis, urls


def drop_partitions(system: System) -> None:
    """Leave it to the writer, or to the upkeep, to make the partition that it needs."""
    for row in system.sql(PARTITIONS):
        system.do(f"DROP TABLE {row['name']}")
