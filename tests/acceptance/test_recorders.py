"""A recorder that is killed with records in its hands."""

import time

import pytest
from redis import ResponseError

from jobqueue.broker.keys import Keys
from tests.acceptance.system import System
from tests.support import wait_until_sync
from tests.support.locking import blocked

BOUND = 8.0  # seconds until another recorder has adopted them, as the documentation says
PACE = 10.0  # seconds more for a busy machine to write them


def holders(system: System) -> dict[str, int]:
    """Return how many journal entries each recorder has in its hands."""
    try:
        found = system.redis.xinfo_consumers(Keys("jobqueue").journal("default"), "recorder")
    except ResponseError:  # nobody has written, or read, anything yet
        return {}
    return {each["name"]: each["pending"] for each in found if each["pending"]}


@pytest.mark.parametrize("role", ["recorder", "scheduler"])
def test_a_killed_recorders_records(system: System, role: str) -> None:
    """``kill -9`` in the middle of a batch: another writes it soon, each row once."""
    doomed = system.start(role)
    doomed.event("service started")
    system.worker("lasting")
    with blocked(system.urls["JOBQUEUE_DATABASE_URL"]) as unlock:
        ids = {system.enqueue("last", 0.0) for _ in range(20)}
        wait_until_sync(lambda: holders(system), description="a batch")
        heir = system.start(role)
        heir.event("service started")
        doomed.kill()
        killed = time.monotonic()
        unlock()
    rows = system.finals(len(ids), deadline=BOUND + PACE)
    took = time.monotonic() - killed
    print(f"recorded {took:.1f} s after the kill")  # noqa: T201 - pytest shows it when the test fails
    assert sorted(row["job_id"] for row in rows) == sorted(ids)
    journal = Keys("jobqueue").journal("default")
    wait_until_sync(lambda: not system.redis.xlen(journal), description="the journal is empty")
    assert holders(system) == {}
