"""Dead letters on the command line: understood, put back with care, deleted."""

import json
import signal
from collections import Counter

import psycopg

from tests.acceptance.system import System
from tests.support import wait_until_sync

OPEN = "SELECT 1 FROM jobqueue.dead_letters WHERE redriven_at IS NULL AND deleted_at IS NULL"
LOG = "SELECT * FROM jobqueue.operator_log ORDER BY id"


def letters(system: System, count: int) -> None:
    """Wait until so many letters are open."""
    wait_until_sync(
        lambda: len(system.sql(OPEN)) == count, description=f"{count} open letters", deadline=30
    )


def test_killed_in_the_middle(system: System) -> None:
    """``kill -9`` between Redis and PostgreSQL, at a rate: repeated, each letter made one job."""
    system.scheduler()
    system.worker("stepping")
    ids = {system.enqueue("hopeless") for _ in range(25)}
    letters(system, len(ids))
    with psycopg.connect(system.urls["JOBQUEUE_DATABASE_URL"]) as lock:
        # Letters can be claimed now, but not marked.
        lock.execute("LOCK TABLE jobqueue.dead_letters IN SHARE MODE")
        doomed = system.start("dlq", "retry", "--all", "--rate", "50/s")
        system.some(10, "run = 1")
        doomed.kill()
    letters(system, len(ids))
    repeated = system.run("dlq", "retry", "--all", "--reason", "the first one died")
    assert (repeated.code, set(repeated.out.split())) == (0, ids)
    finals = system.finals(2 * len(ids))
    assert Counter((row["job_id"], row["run"]) for row in finals) == Counter(
        (job_id, run) for job_id in ids for run in (0, 1)
    )
    letters(system, 0)
    assert [row["reason"] for row in system.sql(LOG)] == [None, "the first one died"]


def test_stopped_by_somebody(served: System) -> None:
    """Ctrl-C at a rate says how many letters are back; the others are as they were."""
    for n in range(3):
        served.enqueue("hopeless", f"order {n}")
    letters(served, 3)
    retrying = served.start("dlq", "retry", "--all", "--rate", "1/10m")
    served.some(1, "run = 1")
    retrying.send(signal.SIGINT)
    assert retrying.wait() == 130
    # It may not have heard yet that the first one is back.
    assert retrying.log in [
        f"jobqueue: stopped: {n} put back; repeat the command for the others\n" for n in (0, 1)
    ]


def test_understand_try_and_mend(served: System) -> None:
    """From many letters to their error, one of them mended by other arguments, the rest deleted."""
    first, *others = [served.enqueue("hopeless", f"order {n}") for n in range(4)]
    served.enqueue("linear")
    letters(served, 5)
    [_, most, _] = served.run("dlq", "list", "--by", "error").out.splitlines()
    fingerprint, count, *_ = most.split()
    assert count == "4"
    narrowed = ("--error", fingerprint, "--since", "1h")
    page = served.run("dlq", "show", first).out
    assert fingerprint in page
    assert "raise ValueError(why)" in page

    dry = served.run("dlq", "retry", *narrowed, "--dry-run")
    assert (dry.code, dry.out) == (0, "dry run: 4 dead letters would be put back\n")
    tried = served.run("dlq", "retry", *narrowed, "--canary", "2", "--stop-if-failing", "100%")
    assert tried.code == 1
    assert len(tried.out.split()) == 2
    assert "canary: 2 of 2 jobs are failing: stopped" in tried.err
    letters(served, 5)  # those of the canary died again

    arguments = json.dumps({"why": "-", "part": "mended"})
    mended = served.run("dlq", "retry", first, "--args", arguments, "--reason", "typo")
    assert (mended.code, mended.out) == (0, f"{first}\n")
    served.some(1, "outcome = 'succeeded'")

    gone = served.run("dlq", "delete", others[0], "nobody", "--yes")
    assert (gone.code, gone.out) == (3, f"{others[0]}\n")
    cleared = served.run("dlq", "clear", *narrowed, "--yes", JOBQUEUE_OPERATOR="alice")
    assert cleared.out == "2 dead letters deleted\n"
    letters(served, 1)

    actions = [
        (row["action"], row["reason"], row["details"].get("letters")) for row in served.sql(LOG)
    ]
    assert actions == [
        ("dlq.retry", None, 4), ("dlq.retry.left", None, None), ("dlq.retry", "typo", 1),
        ("dlq.delete", None, 1), ("dlq.clear", None, 2),
    ]  # fmt: skip
    assert served.sql(LOG)[2]["details"]["arguments"]["after"] == json.loads(arguments)
    assert served.sql(LOG)[4]["operator"] == "alice"
