"""What an enqueue answers when keys of a job are taken, and what it then leaves alone."""

import asyncio
import datetime as dt
from collections import Counter
from typing import Any

import pytest

from jobqueue import (
    DuplicateJob,
    IdempotencyConflict,
    InvalidJob,
    Job,
    JobCancelled,
    JobExists,
    JobExpired,
    Status,
    Unique,
    current_job,
)
from tests.support.stage import Stage
from tests.support.waiting import wait_until

FIFTY = range(50)


def declared(stage: Stage, **options: Any) -> Job[..., Any, Any]:
    """Declare a handler that notes its argument."""

    @stage.app.job(**options)
    async def work(value: Any = None) -> Any:
        stage.log.append(value)
        return value

    return work


async def test_plain(stage: Stage) -> None:
    """A job that asks for nothing is created."""
    job = await declared(stage).enqueue()
    assert (job.status, job.other, job.status.stored) == (Status.CREATED, None, True)


async def test_a_taken_id(stage: Stage) -> None:
    """``JobExists`` leaves the first job and its keys untouched, and frees nothing."""
    work = declared(stage, unique=Unique())
    first = await work.options(job_id="one", lock="k").enqueue("first")
    with pytest.raises(JobExists, match="one"):
        await work.options(job_id="one", lock="other").enqueue("second")
    [many] = await stage.app.enqueue_many([work.options(job_id="one").prepare("third")])
    assert (many.status, many.status.stored, many.id) == ("exists", False, "one")
    with pytest.raises(DuplicateJob):
        await work.enqueue("first")
    assert (await work.options(lock="other").enqueue("fourth")).status == "created"
    async with stage.app.worker():
        assert await first.result(timeout=30) == "first"
    assert stage.log == ["first", "fourth"]


async def test_blocked(stage: Stage) -> None:
    """A job behind a lock is stored and says who has the lock, whatever their names."""
    work = declared(stage)
    stage.app.job(name="other")(lambda: None)
    first = await work.options(lock="k").enqueue(1)
    second = await work.options(lock="k").enqueue(2)
    third = await stage.app.ref("other").options(lock="k").enqueue()
    assert [job.status for job in (first, second, third)] == ["created", "blocked", "blocked"]
    assert {second.other, third.other} <= {first.id, second.id}
    async with stage.app.worker():
        assert await second.result(timeout=30) == 2
    assert stage.log == [1, 2]


async def test_reject(stage: Stage) -> None:
    """A taken unique key refuses and names the other job; it is free when that one has ended."""
    work = declared(stage, unique=Unique())
    first = await work.enqueue(1)
    with pytest.raises(DuplicateJob, match=first.id) as refused:
        await work.enqueue(1)
    assert refused.value.other == first.id
    assert (await work.enqueue(2)).status == "created"
    async with stage.app.worker():
        await stage.ended(first.id)
        again = await work.enqueue(1)
        assert again.status == "created"
        assert await again.result(timeout=30) == 1


async def test_return(stage: Stage) -> None:
    """``return`` gives the handle of the job that is there: its result is what both get."""
    work = declared(stage, unique=Unique(on_conflict="return"))
    first = await work.enqueue(1)
    second = await work.enqueue(1)
    assert (second.status, second.id, second.other) == ("duplicate", first.id, first.id)
    async with stage.app.worker():
        assert await second.result(timeout=30) == 1
    assert stage.log == [1]


async def test_replace(stage: Stage) -> None:
    """``replace`` cancels the job that waits; one that runs is left alone, and rejects."""
    hold = asyncio.Event()

    @stage.app.job(unique=Unique(by="key", on_conflict="replace"))
    async def work(key: str, value: int) -> int:
        stage.log.append(key)
        await hold.wait()
        return value

    first = await work.enqueue("a", 1)
    second = await work.options(delay=3600).enqueue("a", 2)
    assert (second.status, second.other) == ("replaced", first.id)
    third = await work.enqueue("a", 3)
    assert (third.status, third.other) == ("replaced", second.id)
    for gone in (first, second):
        with pytest.raises(JobCancelled):
            await gone.result(timeout=30)
    async with stage.app.worker():
        await stage.logged(1)
        with pytest.raises(DuplicateJob):
            await work.enqueue("a", 4)
        hold.set()
        assert await third.result(timeout=30) == 3
    assert stage.log == ["a"]


@pytest.mark.parametrize("until", ["started", "finished", 4.0])
async def test_until(stage: Stage, until: Any) -> None:
    """The key is free when the job starts, when it ends, or after its time, and not before."""
    hold = asyncio.Event()

    @stage.app.job(unique=Unique(until=until), retry=0)
    async def work() -> None:
        stage.log.append("began")
        await hold.wait()

    async def enqueued() -> bool:
        try:
            await work.enqueue()
        except DuplicateJob:
            return False
        return True

    first = await work.enqueue()
    assert not await enqueued()
    async with stage.app.worker():
        await stage.logged(1)
        assert await enqueued() == (until == "started")
        hold.set()
        await stage.ended(first.id)
        if until == 4.0:
            assert not await enqueued()
        await wait_until(enqueued, description="the key is free")


@pytest.mark.parametrize("end", ["fails", "cancelled", "expires"])
async def test_every_end_frees_the_key(stage: Stage, end: str) -> None:
    """However the job ends its key is free."""

    @stage.app.job(unique=Unique(), retry=0)
    async def work() -> None:
        raise LookupError("no")

    options = work.options(expires=0.1) if end == "expires" else work
    job = await options.enqueue()
    if end == "cancelled":
        await job.cancel()
    if end == "fails":
        async with stage.app.worker():
            await stage.ended(job.id)
    if end == "expires":
        async with stage.app.scheduler():
            await stage.ended(job.id)
    assert (await work.enqueue()).status == "created"


@pytest.mark.parametrize("kind", ["reject", "return", "idempotency"])
async def test_fifty_at_once(stage: Stage, kind: str) -> None:
    """Fifty concurrent enqueues with one key, from several clients, make one job."""
    unique = None if kind == "idempotency" else Unique(on_conflict=kind)  # type: ignore[arg-type]
    work = declared(stage, unique=unique)
    call = work.options(idempotency_key="k") if kind == "idempotency" else work

    async def enqueue(_number: int) -> str:
        try:
            return (await call.enqueue("same")).status
        except DuplicateJob:
            return "taken"

    def enqueue_sync(_number: int) -> str:
        try:
            return call.enqueue_sync("same").status
        except DuplicateJob:
            return "taken"

    here = [enqueue(number) for number in FIFTY]
    threads = [asyncio.to_thread(enqueue_sync, number) for number in FIFTY]
    statuses = Counter(await asyncio.gather(*here, *threads))
    other = "taken" if kind == "reject" else "duplicate"
    assert statuses == {"created": 1, other: 99}
    async with stage.app.worker():
        await stage.logged(1)
        await wait_until(stage.rows, description="its row")
    assert stage.log == ["same"]


async def test_an_idempotency_key(stage: Stage) -> None:
    """It is remembered after the end; the same key with other arguments is an error."""
    work = declared(stage)
    call = work.options(idempotency_key="order-1")
    first = await call.enqueue({"b": 1, "a": 2})
    async with stage.app.worker():
        await first.result(timeout=30)
    second = await call.enqueue({"a": 2, "b": 1})
    assert (second.status, second.id) == ("duplicate", first.id)
    assert await second.result(timeout=30) == {"a": 2, "b": 1}
    with pytest.raises(IdempotencyConflict, match=first.id):
        await call.enqueue({"a": 3})
    with pytest.raises(IdempotencyConflict):
        await stage.app.ref("other").options(idempotency_key="order-1").enqueue({"b": 1, "a": 2})
    many = await stage.app.enqueue_many([call.prepare({"a": 3}), call.prepare({"b": 1, "a": 2})])
    assert [(job.status, job.other) for job in many] == [
        ("mismatch", first.id), ("duplicate", first.id),
    ]  # fmt: skip
    assert len(stage.log) == 1


async def test_an_idempotency_key_and_defaults(stage: Stage) -> None:
    """Whether an argument that equals its default was written down makes no difference."""

    @stage.app.job()
    async def pay(
        amount: int, currency: str = "EUR", when: dt.date = dt.date(2030, 1, 1)
    ) -> None: ...

    call = pay.options(idempotency_key="order-1")
    first = await call.enqueue(1)
    for job in (call.enqueue(1, "EUR"), call.enqueue(1, when=dt.date(2030, 1, 1))):
        assert (await job).id == first.id
    code = stage.app.ref("pay").options(idempotency_key="order-1")
    assert (await code.enqueue(amount=1)).id == first.id
    with pytest.raises(IdempotencyConflict):
        await call.enqueue(1, "USD")


async def test_a_batch_says_it_for_each(stage: Stage) -> None:
    """``enqueue_many`` raises for none of them and answers for each."""
    work = declared(stage, unique=Unique(by=[]))
    plain = stage.app.ref("plain")
    first = await work.options(job_id="one").enqueue()
    jobs = await stage.app.enqueue_many(
        [
            work.prepare(),
            plain.options(lock="k").prepare(),
            plain.options(lock="k").prepare(),
            work.options(unique=Unique(by=[], on_conflict="return")).prepare(),
            work.options(unique=Unique(by=[], on_conflict="replace"), job_id="two").prepare(),
            plain.options(job_id="two").prepare(),
        ]
    )
    assert [job.status for job in jobs] == [
        "taken", "created", "blocked", "duplicate", "replaced", "exists",
    ]  # fmt: skip
    assert [job.status.stored for job in jobs] == [False, True, True, False, True, False]
    assert [job.other for job in jobs] == ["one", None, jobs[1].id, "one", "one", None]
    assert first.id == "one"


async def test_lock_modes(stage: Stage) -> None:
    """A handler may demand a lock or forbid one; both are checked before anything is stored."""
    needs = stage.app.job(lock_mode="required", name="needs")(lambda: None)
    never = stage.app.job(lock_mode="forbidden", name="never")(lambda: None)
    with pytest.raises(InvalidJob, match="lock: missing"):
        await needs.enqueue()
    with pytest.raises(InvalidJob, match="lock: not taken"):
        never.options(lock="k")
    assert (await needs.options(lock="k").enqueue()).status == "created"
    assert (await never.enqueue()).status == "created"
    with pytest.raises(InvalidJob, match="lock: missing"):
        await stage.app.ref("needs").enqueue()


@pytest.mark.parametrize("held_up_by", ["nobody", "delay", "lock", "limit"])
async def test_expiry(stage: Stage, held_up_by: str) -> None:
    """A job that has not started in time never does, wherever it waits; its waiter hears of it."""
    hold = asyncio.Event()

    @stage.app.job(limit=1)
    async def busy() -> None:
        stage.log.append("busy")
        await hold.wait()

    options: dict[str, Any] = {"expires": 0.3}
    if held_up_by == "delay":
        options["delay"] = 0.1
    if held_up_by == "lock":
        options["lock"] = "k"
        await busy.options(lock="k").enqueue()
    if held_up_by == "limit":
        await busy.enqueue()
    work = busy if held_up_by == "limit" else declared(stage)
    async with stage.app.scheduler():
        if held_up_by in ("lock", "limit"):
            async with stage.app.worker():
                await stage.logged(1)
                job = await work.options(**options).enqueue()
                [row] = await stage.ended(job.id)
                hold.set()
        else:
            job = await work.options(**options).enqueue()
            [row] = await stage.ended(job.id)
    assert (row.outcome, row.attempt, row.started_us) == ("expired", 0, 0)
    with pytest.raises(JobExpired):
        await job.result(timeout=30)
    async with stage.app.worker(), stage.app.scheduler():
        await stage.ended((await declared_again(stage).enqueue()).id)
    assert stage.log.count("busy") == (held_up_by in ("lock", "limit"))


def declared_again(stage: Stage) -> Job[..., Any, Any]:
    """Declare another handler, to see that the worker goes on."""

    @stage.app.job()
    async def last() -> None:
        """Do nothing."""

    return last


async def test_a_job_that_has_started_does_not_expire(stage: Stage) -> None:
    """Neither while it runs nor while it waits for its next attempt."""

    async def over() -> bool:
        return await stage.broker.now_ms() > current_job().enqueued_ms + 3000

    @stage.app.job(retry=1, expires=3)
    async def work() -> str:
        if current_job().attempt == 1:
            await wait_until(over, description="the moment when it would have expired")
            raise LookupError("no")
        return "done"

    async with stage.app.worker(), stage.app.scheduler():  # which start it at once
        job = await work.enqueue()
        assert await job.result(timeout=30) == "done"
