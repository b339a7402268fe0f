"""Redis forgets a job when its row is committed, and not a moment sooner."""

from datetime import timedelta
from typing import Any

from jobqueue import Permanent, Retry, Snooze, current_job
from jobqueue.client.declared import JobCall
from tests.integration.recorder.conftest import (
    Ask,
    arrived,
    journal_is_empty,
    waiting,
)
from tests.support import keyspace
from tests.support.locking import blocked
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until


async def test_not_before_the_commit(stage: Stage, history_url: str, ask: Ask) -> None:
    """While the transaction is open, record and row are both still in Redis."""

    @stage.app.job()
    async def work() -> None: ...

    with blocked(history_url) as unblock:
        async with stage.app.scheduler(), stage.app.worker():
            job = await work.enqueue()
            await stage.reaches(job.id, "succeeded")
            await wait_until(lambda: waiting(ask), description="a recorder that writes")
            assert len(await stage.rows(job.id)) == 1
            unblock()
            await journal_is_empty(stage)
            assert not await stage.broker.exists(job.id)
    assert await arrived(ask, 1) == [(job.id, 1, "succeeded", True)]


async def test_what_a_job_came_to_is_kept_for_a_time(
    redis_url: str, history_url: str, ask: Ask
) -> None:
    """A result lives as long as the setting says, its handler or the job; without one, nothing."""
    async with stage_on(redis_url, database_url=history_url, result_ttl=60.0) as stage:

        @stage.app.job()
        async def nothing() -> None: ...

        @stage.app.job()
        async def number() -> int:
            return 7

        @stage.app.job(result_ttl=30)
        async def fails() -> None:
            raise Permanent("no")

        kept: dict[str, tuple[JobCall[[], Any], int | None]] = {
            "setting": (number.options(job_id="setting"), 60),
            "handler": (fails.options(job_id="handler"), 30),
            "job": (number.options(job_id="job", result_ttl=timedelta(seconds=10)), 10),
            "zero": (number.options(job_id="zero", result_ttl=0), None),
            "no result": (nothing.options(job_id="no-result"), None),
        }
        async with stage.app.scheduler(), stage.app.worker():
            handles = [await call.enqueue() for call, _ in kept.values()]
            await arrived(ask, len(kept))
            await journal_is_empty(stage)
            for handle, (_, seconds) in zip(handles, kept.values(), strict=True):
                left = await lives(stage, handle.id)
                assert left is None if seconds is None else seconds - 9 < (left or 0) <= seconds
            assert await handles[0].result(timeout=30) == 7


async def lives(stage: Stage, job_id: str) -> float | None:
    """Return the seconds that what a job came to will live; None when it is gone."""
    keys = stage.broker.keys
    assert not await stage.broker.redis("EXISTS", keys.job("default", job_id))
    left = await stage.broker.redis("PTTL", keys.state("default", job_id))
    return None if left == -2 else left / 1000


async def test_after_many_jobs_nothing_is_left(redis_url: str, history_url: str, ask: Ask) -> None:
    """After two thousand jobs of all kinds no key is left without an owner or a lifetime."""
    async with stage_on(redis_url, database_url=history_url, result_ttl=0.2) as stage:

        @stage.app.job(retry=Retry(1, base=0.01))
        async def mixed(number: int) -> int | None:
            match number % 8:
                case 0:
                    return number
                case 1 if current_job().attempt == 1:
                    raise LookupError("again")
                case 2:
                    raise LookupError("dead")
                case 3:
                    raise Permanent("dead at once")
                case 4 if current_job().delivery == 1:
                    raise Snooze(0.01)
            return None

        @stage.app.job()
        def threaded(number: int) -> None:
            del number

        wrong = stage.app.ref("mixed")
        jobs = [mixed.prepare(n) for n in range(1600)]
        jobs += [mixed.options(delay=n / 1000).prepare(5) for n in range(200)]
        jobs += [threaded.prepare(n) for n in range(100)]
        jobs += [wrong.prepare("no number") for _ in range(100)]
        async with stage.app.scheduler(), stage.app.worker(), stage.app.worker():
            await stage.app.enqueue_many(jobs)
            query = "SELECT count(*) FROM jobqueue.job_executions WHERE final"
            await wait_until(lambda: ask(query) == [(2000,)], description="2000 ends", deadline=60)
            await journal_is_empty(stage)
            await wait_until(lambda: without_jobs(stage), description="every result expired")
            assert keyspace.miscounted(redis_url) == []
            assert await stage.broker.counts() == {
                "succeeded:mixed": 1400,
                "succeeded:threaded": 100,
                "dead:mixed": 500,
            }
        sizes = "SELECT outcome, count(*) FROM jobqueue.job_executions GROUP BY 1 ORDER BY 1"
        again, exhausted, permanent, misfit = 200, 2 * 200, 200, 100
        assert dict(ask(sizes)) == {
            "failed": again + exhausted + permanent + misfit,
            "snoozed": 200,
            "succeeded": 1500,
        }
        assert len(await left(stage)) < 25


async def without_jobs(stage: Stage) -> bool:
    """Say whether no job has a key."""
    return not [key for key in await left(stage) if "}:job:" in key or "}:state:" in key]


async def left(stage: Stage) -> list[str]:
    """Return the names of all keys."""
    return [key.decode() for key in await stage.broker.redis("KEYS", "*")]
