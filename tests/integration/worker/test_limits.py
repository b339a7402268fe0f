"""Limits over all workers: jobs at once, and starts within a time."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from jobqueue import (
    ConfigurationError,
    Job,
    JobQueue,
    Limit,
    Priority,
    QueueFull,
    Rate,
    current_job,
)
from tests.support.keyspace import miscounted
from tests.support.meter import Meter
from tests.support.stage import SHORT, Stage, stage_on
from tests.support.waiting import wait_until


async def drained(stage: Stage, jobs: list[Any], workers: int = 2) -> None:
    """Run all jobs on some workers with a scheduler."""
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(stage.app.run_worker(concurrency=20)) for _ in range(workers)] + [
            group.create_task(stage.app.run_scheduler())
        ]
        await stage.ended(*(job.id for job in jobs), deadline=60)
        for run in runs:
            run.cancel()


@pytest.mark.parametrize("form", ["number", "name", "key", "queue", "several"])
async def test_jobs_at_once(stage: Stage, redis_url: str, form: str) -> None:
    """A concurrency limit holds over all workers, is reached, and costs no attempt."""
    most = 6 if form == "key" else 3
    meter = Meter(most)
    by_key = Limit(2, by="customer")
    limits: dict[str, Any] = {
        "number": 3, "name": Limit(3), "key": by_key, "queue": None, "several": [Limit(3), by_key],
    }  # fmt: skip
    if form == "queue":
        stage.app.queue("default", limit=3)

    @stage.app.job(limit=limits[form])
    async def work(customer: str) -> None:
        await meter.run("all", customer)

    jobs = await stage.app.enqueue_many(work.prepare("abc"[number % 3]) for number in range(90))
    await drained(stage, jobs)
    rows = await stage.rows()
    assert {(row.outcome, row.attempt, row.delivery) for row in rows} == {("succeeded", 1, 1)}
    assert len(rows) == len(jobs)
    assert meter.most["all"] == most
    if form in ("key", "several"):
        of_a_key = max(meter.most[key] for key in "abc")
        assert of_a_key == 2 if form == "key" else of_a_key <= 2
    assert miscounted(redis_url) == []


async def test_a_key_by_a_function(stage: Stage) -> None:
    """The key may be made by a function of the arguments, defaults included."""
    meter = Meter(2)

    def domain(arguments: Any) -> str:
        return str(arguments["to"]).partition("@")[2] + str(arguments["copies"])

    @stage.app.job(limit=Limit(1, by=domain))
    async def send(to: str, copies: int = 1) -> None:
        await meter.run(to.partition("@")[2], note=copies)

    jobs = await stage.app.enqueue_many(
        send.prepare(f"{number}@{'ab'[number % 2]}.example") for number in range(20)
    )
    await drained(stage, jobs)
    assert meter.most == {"a.example": 1, "b.example": 1}
    assert [view.label for view in await stage.app.limits()] == ["limit:key:send:domain"]


async def test_priorities_wait_in_their_order(stage: Stage) -> None:
    """What waits for a limit still goes by priority, and by arrival within it."""
    meter = Meter()

    @stage.app.job(limit=1)
    async def work(number: int) -> None:
        await meter.run("all", note=number)

    levels = {number: Priority(number % 4) for number in range(24)}
    for number, level in levels.items():
        await work.options(priority=level).enqueue(number)
    async with stage.app.worker(concurrency=10):
        await wait_until(lambda: len(meter.order) == 24, description="all")
    assert meter.order == sorted(levels, key=lambda number: number % 4)


async def test_others_are_not_held_up(stage: Stage) -> None:
    """A thousand jobs behind one full key leave every other key and name alone."""
    hold = asyncio.Event()

    @stage.app.job(limit=Limit(1, by="key"))
    async def work(key: str) -> str:
        if key == "busy":
            stage.log.append(key)
            await hold.wait()
        return key

    @stage.app.job()
    async def other() -> str:
        return "other"

    await stage.app.enqueue_many(work.prepare("busy") for _ in range(1000))
    async with stage.app.worker(concurrency=5):
        await stage.logged(1)
        assert await (await work.enqueue("free")).result(timeout=30) == "free"
        assert await (await other.enqueue()).result(timeout=30) == "other"
        assert stage.log == ["busy"]
        hold.set()


async def test_a_dead_worker_leaks_no_slot(redis_url: str) -> None:
    """What a dead worker occupied is free when its jobs are taken back."""
    async with stage_on(redis_url, lease=SHORT) as stage:

        @stage.app.job(limit=1)
        async def work() -> int:
            return current_job().delivery

        async with stage.app.worker():
            await stage.ended((await work.enqueue()).id)  # the rule is known now
        job = await work.enqueue()
        other = await work.enqueue()
        [taken] = await stage.broker.fetch("doomed", 5)
        assert taken.id == job.id
        async with stage.app.worker():
            await stage.broker.lapse("doomed")
            rows = await stage.ended(job.id, other.id)
        assert {row.outcome for row in rows} == {"succeeded"}
        assert await stage.broker.occupied("limit:job:work") == 0


@pytest.mark.parametrize("form", ["name", "key", "queue"])
async def test_starts_within_a_time(stage: Stage, form: str) -> None:
    """No window of a rate has more starts, over all workers; waiting costs no attempt."""
    n, per = 5, 0.4
    if form == "queue":
        stage.app.queue("default", rate=Rate(n, per))
    rates = {"name": Rate(n, per), "key": Rate(n, per, by="key"), "queue": None}

    @stage.app.job(rate=rates[form])
    async def work(key: str) -> None:
        """Do nothing."""

    jobs = await stage.app.enqueue_many(work.prepare("ab"[number % 2]) for number in range(22))
    keys = {job.id: "ab"[number % 2] for number, job in enumerate(jobs)}
    await drained(stage, jobs)
    rows = await stage.rows()
    assert {(row.outcome, row.attempt, row.delivery) for row in rows} == {("succeeded", 1, 1)}
    for key in ("a", "b") if form == "key" else ("ab",):
        # By the ids: Redis mints them as it hands the jobs over.
        starts = sorted(minted_ms(row.id) for row in rows if keys[row.job_id] in key)
        windows = zip(starts, starts[n:], strict=False)
        assert all(later - earlier >= per * 1000 - 1 for earlier, later in windows), starts
        assert starts[n - 1] - starts[0] < per * 1000, "the first ones start at once"


def minted_ms(token: str) -> int:
    """Return the moment in a uuid7, ms since the epoch."""
    return int(token.replace("-", "")[:12], 16)


async def test_rate_and_limit_together(stage: Stage) -> None:
    """Several limits of one handler hold at once."""
    meter = Meter(4)

    @stage.app.job(limit=[Limit(4), Limit(1, by="key")], rate=Rate(50, 0.5))
    async def work(key: str) -> None:
        await meter.run("all", key)

    jobs = await stage.app.enqueue_many(work.prepare("abcdef"[n % 6]) for n in range(60))
    await drained(stage, jobs)
    assert meter.most.pop("all") == 4
    assert set(meter.most.values()) == {1}


async def test_set_at_run_time(stage: Stage) -> None:
    """A limit that an operator sets counts before the declared one, at once, until it goes."""
    hold = asyncio.Event()

    @stage.app.job(limit=1)
    async def work() -> None:
        stage.log.append("began")
        await hold.wait()

    jobs = await stage.app.enqueue_many(work.prepare() for _ in range(6))
    async with stage.app.worker(), stage.app.scheduler():
        await stage.logged(1)
        [view] = await stage.app.set_limit("default", "limit:job:work", 3)
        assert (view.declared, view.set, view.n) == ("1", "3", 3)
        await stage.logged(3)
        [view] = await stage.app.limits(queue="default")
        assert (view.used, len(stage.log)) == (3, 3)
        [view] = await stage.app.set_limit("default", "limit:job:work", None)
        assert (view.declared, view.set, view.n) == ("1", None, 1)
        hold.set()
        await stage.ended(*(job.id for job in jobs))


async def test_set_for_what_code_does_not_limit(stage: Stage) -> None:
    """Rates, depth and the queue's own limit can be set too; taken back they are gone."""

    @stage.app.job()
    async def work() -> None:
        """Do nothing."""

    await work.enqueue()
    await stage.app.set_limit("default", "rate:job:work", Rate(7, 60))
    await stage.app.set_limit("default", "limit:queue", 5)
    await stage.app.set_limit("default", "depth:queue", 1)
    labels = {view.label: (view.n, view.per) for view in await stage.app.limits()}
    assert labels == {
        "rate:job:work": (7, 60.0), "limit:queue": (5, None), "depth:queue": (1, None),
    }  # fmt: skip
    with pytest.raises(QueueFull):
        await work.enqueue()
    async with stage.app.worker():  # declaring nothing leaves what is set
        await wait_until(lambda: stage.app.living("worker"), description="it lives")
    assert len(await stage.app.limits()) == 3
    for label in labels:
        await stage.app.set_limit("default", label, None)
    assert await stage.app.limits() == []


@pytest.mark.parametrize(
    ("label", "value", "words"),
    [
        ("limit", 1, "names no limit"),
        ("limit:job:", 1, "names no limit"),
        ("limit:job:work", Rate(1), "is a number"),
        ("rate:job:work", 3, "is a rate, such as 100/1m"),
        ("limit:key:work:customer", 3, "no code has declared"),
        ("limit:queue", 0, "whole number"),
        ("depth:queue", -1, "whole number"),
        ("limit:queue", 1.5, "whole number"),
        ("limit:queue", True, "whole number"),
        ("limit:job:work", "7", "whole number"),
    ],
)
async def test_what_can_not_be_set(stage: Stage, label: str, value: Any, words: str) -> None:
    """A wrong label or value is refused and says what to write."""
    with pytest.raises(ConfigurationError, match=words):
        await stage.app.set_limit("default", label, value)
    assert await stage.app.limits() == []


async def test_what_code_no_longer_limits(stage: Stage, redis_url: str) -> None:
    """A worker with newer code takes back what the older one declared."""

    @stage.app.job(limit=1, name="work")
    async def old() -> None:
        """Do nothing."""

    stage.app.queue("default", rate=Rate(5), max_depth=9)
    async with stage.app.worker():
        await wait_until(stage.app.limits, description="the rules")
    assert len(await stage.app.limits()) == 3
    async with stage_on(redis_url) as newer:
        newer.app.queue("default")

        @newer.app.job(name="work")
        async def new() -> None:
            """Do nothing."""

        async with newer.app.worker():
            await (await new.enqueue()).result(timeout=30)
        assert await newer.app.limits() == []


async def test_depth(stage: Stage) -> None:
    """``max_depth`` counts what waits, not what runs, and lets in again when it is drained."""
    hold = asyncio.Event()
    stage.app.queue("default", max_depth=3)

    @stage.app.job()
    async def work() -> None:
        stage.log.append("began")
        await hold.wait()

    async with stage.app.worker(concurrency=2):
        await wait_until(stage.app.limits, description="the rule")
        jobs = [await work.enqueue() for _ in range(2)]
        await stage.logged(2)
        jobs += [await work.enqueue() for _ in range(3)]
        with pytest.raises(QueueFull, match="default"):
            await work.options(job_id="refused").enqueue()
        assert not await stage.broker.exists("refused")
        many = await stage.app.enqueue_many(work.prepare() for _ in range(2))
        assert [job.status for job in many] == ["full", "full"]
        assert not any(job.status.stored for job in many)
        hold.set()
        await stage.ended(*(job.id for job in jobs))
        assert (await work.enqueue()).status == "created"


def test_declaring_nonsense() -> None:
    """Wrong limits are refused where they are declared."""
    app = JobQueue()
    wrong: list[Callable[[], object]] = [
        lambda: Limit(0),
        lambda: Limit(True),
        lambda: Limit(1.5),  # type: ignore[arg-type]
        lambda: Rate(1, 0),
        lambda: Rate(1, -1),
        lambda: Rate(0),
        lambda: Limit(1, by=[3]),  # type: ignore[list-item]
        lambda: app.queue("no good name"),
        lambda: app.queue("a", rate=Rate(1, by="x")),
        lambda: app.queue("b", max_depth=0),
        lambda: app.job(limit=Limit(1, by="nothing"))(work),
        lambda: app.job(rate=3)(work),  # type: ignore[call-overload]
    ]
    for make in wrong:
        with pytest.raises(ConfigurationError):
            make()
    app.queue("twice")
    with pytest.raises(ConfigurationError, match="declared twice"):
        app.queue("twice")
    assert isinstance(app.job(limit=[Limit(1), Limit(1, by="key")], rate=Rate(1))(work), Job)


async def work(key: str) -> None:
    """Do nothing."""
