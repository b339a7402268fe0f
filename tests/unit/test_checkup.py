"""Each finding of an examination: what raises it, how bad it is, and what mends it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import jobqueue
from jobqueue import Finding, PostgresFacts, Priority, QueueView, RedisFacts, Severity, TableFacts
from jobqueue.domain.checkup import examine
from jobqueue.domain.checkup.facts import (
    Chosen,
    Durations,
    Facts,
    LeaseFacts,
    Platform,
    QueueFacts,
    ReaderFacts,
)
from jobqueue.domain.checkup.findings import Checkup
from jobqueue.domain.pauses import Pause

MIB = 1 << 20

REDIS = RedisFacts(
    place="",
    flavour="Valkey",
    version="9.1.0",
    supported=None,
    master=True,
    policy="noeviction",
    aof=True,
    fsync="everysec",
    writes=True,
    used_memory=MIB,
    maxmemory=0,
    system_memory=4096 * MIB,
    latency=0.0002,
    offset=0.0,
)
POSTGRES = PostgresFacts(
    version="18.1",
    standby=False,
    autovacuum=True,
    latency=0.001,
    offset=0.0,
    revision="0003",
    mismatch=None,
    now=datetime(2030, 12, 5, tzinfo=UTC),
    partitions=["2030-12", "2031-01", "2031-02"],
    tables=[TableFacts(name="dead_letters", live=10, dead=3)],
)
CHOSEN = Chosen(
    prefix="jobqueue",
    grace=25.0,
    lease=15.0,
    journal_limit=None,
    default_timeout=None,
    timeouts={"send": 10.0, "other": None},
    strange=[],
)
VIEW = QueueView(
    name="email",
    ready=dict.fromkeys(Priority, 0),
    running=0,
    scheduled=0,
    journal=0,
    journal_bad=0,
    oldest_ms=None,
    names={"send": {"ready": 3}},
)
QUEUE = QueueFacts(view=VIEW, journal_bytes=0, journal_age=None, leases=[], readers=[])
WORKER = {"role": "worker", "id": "w1", "queues": ["email"], "names": ["send"], "problem": ""}
SCHEDULER = {"role": "scheduler", "id": "s1", "duties": {"promoter": None, "recorder": None}}
RECORDER = {"role": "recorder", "id": "r1", "duties": {"recorder": None}}
HEALTHY = Facts(
    chosen=CHOSEN,
    redis=(REDIS,),
    journal_bound=100 * MIB,
    postgres=POSTGRES,
    queues=[QUEUE],
    services=[WORKER, SCHEDULER],
    platform=Platform(name="Kubernetes", grace=30.0, certain=False, command="the pod"),
)

replace: Any = msgspec.structs.replace


def redis(**fields: Any) -> Facts:
    """Return a healthy installation but for its Redis."""
    changed: Facts = replace(HEALTHY, redis=(replace(REDIS, **fields),))
    return changed


def postgres(**fields: Any) -> Facts:
    """Return a healthy installation but for its database."""
    changed: Facts = replace(HEALTHY, postgres=replace(POSTGRES, **fields))
    return changed


def queue(view: Mapping[str, Any] | None = None, **fields: Any) -> Facts:
    """Return a healthy installation but for its queue."""
    counts = msgspec.structs.asdict(QUEUE) | fields
    known = {name: getattr(VIEW, name) for name in VIEW.__struct_fields__}
    counts["view"] = QueueView(**known | dict(view or {}))
    changed: Facts = replace(HEALTHY, queues=[QueueFacts(**counts)])
    return changed


def chosen(**fields: Any) -> Facts:
    """Return a healthy installation but for its settings."""
    changed: Facts = replace(HEALTHY, chosen=replace(CHOSEN, **fields))
    return changed


def facts(**fields: Any) -> Facts:
    """Return a healthy installation but for this."""
    changed: Facts = replace(HEALTHY, **fields)
    return changed


def took(p999: float, runs: int = 1000, name: str = "send") -> list[Durations]:
    """Return what the history knows of a name."""
    return [Durations(name=name, runs=runs, timed_out=5, p999=p999)]


ERROR, WARNING, NOTE = Severity
NOON = datetime(2030, 12, 5, 12, tzinfo=UTC)
PAUSED = ("queues paused", NOTE)
NO_WORKER = {"services": [SCHEDULER], "unknown": [("email", "send", 3)]}
FOREIGN = {"unknown": [("email", "sned", 2)]}
LOST = LeaseFacts(worker="w0", ended=40.0, jobs=2)
SILENT = ReaderFacts(recorder="r0", entries=7, silent=60.0)

CASES = [
    (facts(redis_away=["refused"], services=None), "redis away", ERROR, "jobqueue config"),
    (redis(version="6.2", supported="7.0"), "redis version", ERROR, "upgrade to Valkey 7.0"),
    (redis(master=False), "redis replica", ERROR, "name its master"),
    (redis(policy="allkeys-lru"), "redis eviction", WARNING, "maxmemory-policy noeviction"),
    (redis(policy="volatile-ttl", maxmemory=99 * MIB), "redis eviction", ERROR, "noeviction"),
    (redis(aof=False), "redis aof", ERROR, "CONFIG SET appendonly yes"),
    (redis(fsync="no"), "redis fsync", WARNING, "appendfsync everysec"),
    (redis(writes=False), "redis disk", ERROR, "INFO persistence"),
    (redis(used_memory=80, maxmemory=100), "redis memory", WARNING, "jobqueue queues"),
    (redis(used_memory=96, maxmemory=100), "redis memory", ERROR, "jobqueue queues"),
    (redis(used_memory=90, system_memory=100), "redis memory", WARNING, "jobqueue queues"),
    (redis(latency=0.05), "redis latency", WARNING, "redis-cli --latency"),
    (redis(latency=1.5), "redis latency", ERROR, "redis-cli --latency"),
    (facts(postgres=None), "postgresql unknown", WARNING, "--database-url"),
    (facts(postgres=None, postgres_away="gone"), "postgresql away", ERROR, "jobqueue config"),
    (postgres(standby=True), "postgresql standby", ERROR, "primary"),
    (postgres(mismatch="it is missing"), "postgresql schema", ERROR, "jobqueue db upgrade"),
    (postgres(mismatch="made by a newer one"), "postgresql schema", ERROR, "pip install"),
    (postgres(partitions=["2030-12"]), "postgresql partitions", WARNING, "jobqueue scheduler"),
    (postgres(partitions=["2031-01"]), "postgresql partitions", ERROR, "jobqueue scheduler"),
    (postgres(autovacuum=False), "postgresql autovacuum", WARNING, "autovacuum = on"),
    (
        postgres(tables=[TableFacts(name="operator_log", live=9_000, dead=30_000)]),
        "postgresql bloat",
        WARNING,
        "VACUUM (ANALYZE) jobqueue.operator_log",
    ),
    (postgres(latency=0.3), "postgresql latency", WARNING, "pg_stat_activity"),
    (postgres(offset=-3.0), "clock postgresql", WARNING, "set-ntp true"),
    (facts(services=[WORKER, RECORDER]), "services no_scheduler", WARNING, "jobqueue scheduler"),
    (
        facts(services=[WORKER, SCHEDULER | {"duties": {"recorder": "PostgreSQL: away"}}]),
        "services trouble",
        ERROR,
        "jobqueue health scheduler",
    ),
    (
        facts(services=[WORKER | {"problem": "the journal is full"}, SCHEDULER]),
        "services trouble",
        ERROR,
        "jobqueue health worker",
    ),
    (
        queue(leases=[LOST]),
        "services lost_leases",
        ERROR,
        "jobqueue worker MODULE:APP --queues email",
    ),
    (queue(readers=[SILENT]), "services lost_reader", ERROR, "jobqueue recorder"),
    (facts(pauses=[Pause("email", "ann", NOON, "mail is down")]), *PAUSED, "resume email"),
    (facts(pauses=[Pause(None, "ann", NOON, "")]), *PAUSED, "jobqueue resume --all"),
    (facts(**NO_WORKER), "queues no_worker", ERROR, "jobqueue worker MODULE:APP --queues email"),
    (facts(**FOREIGN), "queues unknown_name", ERROR, "jobqueue queues email"),
    (
        facts(unserved=["email"]),
        "queues partitions",
        ERROR,
        "jobqueue worker MODULE:APP --queues email",
    ),
    (queue(journal_age=31.0), "queues journal_age", WARNING, "jobqueue recorder"),
    (queue(journal_age=301.0), "queues journal_age", ERROR, "jobqueue recorder"),
    (queue(journal_bytes=60 * MIB), "queues journal_size", WARNING, "jobqueue recorder"),
    (queue(journal_bytes=100 * MIB), "queues journal_size", ERROR, "jobqueue recorder"),
    (queue({"journal_bad": 1}), "queues journal_bad", WARNING, "jobqueue:{email}:journal:bad"),
    (chosen(grace=28.0), "settings grace", WARNING, "JOBQUEUE_GRACE=27s, or the pod"),
    (facts(durations=None), "settings durations", NOTE, "jobqueue stats, or the same command"),
    (facts(durations=took(10.0)), "settings timeout", WARNING, "@app.job(timeout=16)"),
    (chosen(timeouts={"long": 60.0}), "settings long_jobs", NOTE, "jobqueue docs guarantees"),
    (chosen(strange=["variable 'JOBQUEUE_X'"]), "settings variable", WARNING, "jobqueue config"),
]


def only(checkup: Checkup) -> Finding:
    """Return the one finding."""
    assert len(checkup.findings) == 1, checkup.findings
    return checkup.findings[0]


def test_nothing_is_wrong() -> None:
    """A healthy installation has no finding at all."""
    assert examine(HEALTHY).findings == ()
    assert examine(HEALTHY).ok


@pytest.mark.parametrize(("found", "check", "severity", "remedy"), CASES)
def test_one_thing_is_wrong(found: Facts, check: str, severity: Severity, remedy: str) -> None:
    """Each is found, alone, as bad as it is, and with the command that mends it."""
    finding = only(examine(found))
    assert f"{finding.where} {finding.check}" == check
    assert finding.severity is severity
    assert remedy in finding.remedy
    assert examine(found).ok == (severity is not ERROR)


def test_every_check_is_explained() -> None:
    """The page names each check, with the severity that it has here."""
    page = (Path(jobqueue.__file__).parent / "docs" / "doctor.md").read_text("utf-8")
    rows = {tuple(row.split("`")[0:2]): row for row in page.splitlines() if row[:2] == "| "}
    for _, check, severity, _ in CASES:
        where, word = check.split()
        assert severity in rows[f"| {where} | ", word], check


def test_one_server_that_is_away_is_one_error() -> None:
    """What waits for PostgreSQL is told with it, and what services say for other reasons is not."""
    away = "PostgreSQL: connection refused"
    duties = {
        "recorder": f"queue email: {away}",
        "stored": away,
        "upkeep": away,
        "firer": "no zone",
    }
    found = facts(
        postgres=None, postgres_away=away, services=[WORKER, SCHEDULER | {"duties": duties}]
    )
    first, second = examine(found).findings
    assert (first.check, second.check) == ("trouble", "away")[::-1]
    assert first.problem.endswith(
        "; scheduler s1 (recorder), scheduler s1 (stored, upkeep) wait for it"
    )
    assert first.remedy.startswith("start it, or correct JOBQUEUE_DATABASE_URL (jobqueue config")
    assert second.problem == "scheduler s1 (firer): no zone"


@pytest.mark.parametrize(("rows", "said"), [(1, "1 is in the journal"), (2, "2 are in the jou")])
def test_rows_are_counted(rows: int, said: str) -> None:
    """One row is not several."""
    assert said in only(examine(queue({"journal": rows}, journal_age=31.0))).problem


def test_an_error_comes_before_a_warning() -> None:
    """What loses jobs is read first."""
    findings = examine(replace(redis(aof=False, fsync=None, policy="x"), unserved=["email"]))
    assert [each.severity for each in findings.findings] == [ERROR, ERROR, WARNING]


@pytest.mark.parametrize(("offset", "severity"), [(1.5, WARNING), (-90.0, ERROR)])
def test_clocks_of_redis_and_of_this_host(offset: float, severity: Severity) -> None:
    """They differ; PostgreSQL has the same time as Redis, so only this host is wrong."""
    found = replace(redis(offset=offset), postgres=replace(POSTGRES, offset=offset))
    finding = only(examine(found))
    assert (finding.check, finding.severity) == ("host", severity)
    assert ("ahead of" if offset > 0 else "behind") in finding.problem


@pytest.mark.parametrize("role", ["scheduler", "recorder"])
def test_what_waits_makes_a_missing_service_an_error(role: str) -> None:
    """A missing service is a warning until something waits for it."""
    view = {"scheduled": 1} if role == "scheduler" else {"journal": 1}
    others = [WORKER, RECORDER] if role == "scheduler" else [WORKER, SCHEDULER | {"duties": {}}]
    found = replace(queue(view), services=others)
    finding = only(examine(found))
    assert (finding.check, finding.severity) == (f"no_{role}", ERROR)


def test_a_misspelt_name_is_guessed() -> None:
    """A name that nobody knows and that looks like one that is declared says so."""
    assert only(examine(facts(**FOREIGN))).problem.endswith("did you mean 'send'?")


@pytest.mark.parametrize(
    "fine",
    [
        queue(leases=[LeaseFacts(worker="w1", ended=-9.0, jobs=5)]),
        queue(leases=[LeaseFacts(worker="w0", ended=900.0, jobs=0)]),
        queue(readers=[ReaderFacts(recorder="r1", entries=0, silent=3000.0)]),
        facts(durations=took(9.9)),
        facts(durations=took(99.0, runs=20)),
        facts(durations=took(99.0, name="other")),
        facts(platform=None, chosen=replace(CHOSEN, grace=3600.0)),
        redis(policy=None, aof=None, fsync=None, system_memory=0),
    ],
)
def test_what_is_fine(fine: Facts) -> None:
    """Living leases, idle readers, rare runs, and servers that do not say are no findings."""
    assert examine(fine).findings == ()


def test_the_default_timeout_counts_for_names_without_their_own() -> None:
    """And for names that this app does not declare."""
    for name in ("other", "elsewhere"):
        found = replace(chosen(default_timeout=5.0), durations=took(5.0, name=name))
        assert only(examine(found)).check == "timeout"
        assert "JOBQUEUE_DEFAULT_TIMEOUT=8s" in only(examine(found)).remedy


def test_a_journal_larger_than_half_of_redis() -> None:
    """Redis would be full before workers stop."""
    found = replace(redis(maxmemory=100 * MIB), chosen=replace(CHOSEN, journal_limit=60 * MIB))
    assert only(examine(found)).remedy == "JOBQUEUE_JOURNAL_LIMIT=25MiB"


def test_a_grace_that_somebody_has_given_is_certain() -> None:
    """What a platform does by default may have been changed; what somebody says is so."""
    given = Platform(name="the platform", grace=5.0, certain=True, command="wait")
    assert only(examine(facts(platform=given))).severity is ERROR
