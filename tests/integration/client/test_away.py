"""Redis is away, stands still or refuses: what a producer is told, when, and what is stored."""

import asyncio
import gc
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobqueue import BrokerError, BrokerUnavailable, JobHandle, JobQueue, Prepared, Status
from jobqueue.client.batches import IDLE
from jobqueue.embedded import ValkeyServer
from jobqueue.settings import Settings
from tests.support import wait_until
from tests.support.broker import connect
from tests.support.proxy import Proxy, proxy_to
from tests.support.stage import stage_on

PATIENCE = 0.3  # seconds
ENOUGH = 1.5  # seconds; for who needs a call that succeeds, too, on a busy machine
GENEROUS = 8.0  # seconds; a machine that is busy with other things is no fault

Send = Callable[[JobQueue], Awaitable[Any]]


async def one(app: JobQueue) -> Any:
    """Enqueue one job on the loop."""
    return await app.ref("job").enqueue()


async def one_sync(app: JobQueue) -> Any:
    """Enqueue one job in a thread."""
    return await asyncio.to_thread(app.ref("job").enqueue_sync)


async def many(app: JobQueue) -> Any:
    """Enqueue several jobs on the loop."""
    return await app.enqueue_many(app.ref("job").prepare(n) for n in range(10))


async def many_sync(app: JobQueue) -> Any:
    """Enqueue several jobs in a thread."""
    jobs = [app.ref("job").prepare(n) for n in range(10)]
    return await asyncio.to_thread(app.enqueue_many_sync, jobs)


every_way = pytest.mark.parametrize("send", [one, one_sync, many, many_sync])


def app_on(url: str, patience: float = PATIENCE) -> JobQueue:
    """Return an app that soon gives up."""
    return JobQueue(settings=Settings(redis_url=url, enqueue_timeout=patience))


@every_way
async def test_nobody_there(tmp_path: Path, send: Send) -> None:
    """The error comes when the time is over, says why, and that nothing was stored."""
    async with app_on(f"unix://{tmp_path}/nobody.sock") as app:
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable, match=r"reached: .*[^.]; nothing .*was stored"):
            await send(app)
        assert PATIENCE / 2 < time.monotonic() - began < GENEROUS


@every_way
async def test_refused_port(send: Send) -> None:
    """A port where nobody listens is the same."""
    async with app_on("redis://127.0.0.1:1") as app:
        with pytest.raises(BrokerUnavailable, match=r"nothing .*was stored"):
            await send(app)


@every_way
async def test_silent_server(tmp_path: Path, send: Send) -> None:
    """A server that takes connections and never says a word is away, too."""
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        app = app_on(f"unix://{path}")
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable, match=r"nothing .*was stored"):
            await send(app)
        assert time.monotonic() - began < GENEROUS
        await app.close()


def refused_after(proxy: Proxy, times: int) -> bool:
    """Say whether a connection was refused since there were so many."""
    return proxy.refused > times


async def test_everybody_is_told_in_time(redis_url: str, tmp_path: Path) -> None:
    """Jobs that gathered behind others, and those of other queues, wait no longer than these."""
    async with proxy_to(redis_url, tmp_path) as proxy, app_on(proxy.url, 1.0) as app:
        proxy.close()
        times: list[float] = []

        async def send(n: int) -> None:
            began = time.monotonic()
            with pytest.raises(BrokerUnavailable):
                await app.ref("job").options(queue=f"q{n % 5}").enqueue(n)
            times.append(time.monotonic() - began)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(5):
                tried = proxy.refused
                for n in range(10):
                    tasks.create_task(send(n))
                await wait_until(partial(refused_after, proxy, tried), description="another try")
        # Five queues one after the other, each with its own second, would make five.
        assert max(times) < 4.5
        assert len(times) == 50


@every_way
async def test_comes_back_in_time(redis_url: str, tmp_path: Path, send: Send) -> None:
    """Who is patient enough notices nothing."""
    async with proxy_to(redis_url, tmp_path) as proxy, app_on(proxy.url, 15) as app:
        proxy.close()
        task = asyncio.ensure_future(send(app))
        await wait_until(lambda: proxy.refused >= 2, description="two tries")
        proxy.open()
        found = await task
        jobs = found if isinstance(found, list) else [found]
        assert {job.status for job in jobs} == {Status.CREATED}
        async with connect(redis_url) as broker:
            assert len(await broker.fetch("w1", 100)) == len(jobs)


@every_way
async def test_nothing_was_stored(redis_url: str, tmp_path: Path, send: Send) -> None:
    """After the error the jobs are not there, and never come."""
    async with proxy_to(redis_url, tmp_path) as proxy, app_on(proxy.url, ENOUGH) as app:
        proxy.close()
        with pytest.raises(BrokerUnavailable, match=r"nothing .*was stored"):
            await send(app)
        proxy.open()
        await one(app)
        async with connect(redis_url) as broker:
            assert len(await broker.fetch("w1", 100)) == 1


@pytest.mark.parametrize("sync", [False, True])
async def test_goes_away_while_the_app_is_idle(
    redis_url: str, tmp_path: Path, *, sync: bool
) -> None:
    """A line that broke while nobody used it makes no job uncertain: nothing was sent over it."""
    send = one_sync if sync else one
    async with proxy_to(redis_url, tmp_path) as proxy, app_on(proxy.url, ENOUGH) as app:
        await send(app)
        proxy.close()
        submitter = app.client._loops.here().dispatch.submitter("default", Prepared)
        (app.client._sync._senders._idle[0] if sync else submitter).used -= IDLE
        with pytest.raises(BrokerUnavailable, match="nothing was stored"):
            await send(app)
        proxy.open()
        assert (await send(app)).status is Status.CREATED
        assert proxy.seen["enqueue"] == 2


async def test_idle_apps_look_before_they_send(redis_url: str) -> None:
    """A server that came back without its data learns of the queue again."""
    async with app_on(redis_url, 15) as app, connect(redis_url) as broker:
        for send in (one, one_sync):
            await send(app)
            await broker.redis("FLUSHALL")
            app.client._loops.here().dispatch.submitter("default", Prepared).used -= IDLE
            for sender in app.client._sync._senders._idle:
                sender.used -= IDLE
            await send(app)
            assert await broker.redis("SMEMBERS", broker.keys.queues) == [b"default"]


@every_way
async def test_out_of_memory(redis_url: str, send: Send) -> None:
    """A full server refuses work; the error says so, and a freed one takes it."""
    async with app_on(redis_url, ENOUGH) as app:
        with Redis.from_url(redis_url) as server:
            server.config_set("maxmemory", 1)
            with pytest.raises(BrokerUnavailable, match=r"OutOfMemory.*nothing .*was stored"):
                await send(app)
            server.config_set("maxmemory", 0)
            assert server.keys("*job:*") == []
        await send(app)


@every_way
async def test_refused_for_good(redis_url: str, send: Send) -> None:
    """What would be refused again is not tried again."""
    with Redis.from_url(redis_url) as server:
        server.set("jobqueue:queues", "not a set")
    async with app_on(redis_url, 60) as app:
        with pytest.raises(BrokerError, match="WRONGTYPE"):
            await send(app)


async def test_each_producer_raises_its_own(tmp_path: Path) -> None:
    """Errors of several producers are several objects, so that tracebacks do not mix."""
    async with app_on(f"unix://{tmp_path}/nobody.sock") as app:
        errors = await asyncio.gather(*(one(app) for _ in range(5)), return_exceptions=True)
        assert len({id(error) for error in errors}) == 5


# Results


async def test_waiting_while_redis_restarts(breakable_redis: ValkeyServer) -> None:
    """A waiter sits through a restart and gets the result."""
    async with stage_on(breakable_redis.url) as stage:
        job = await stage.app.ref("job").enqueue()
        waiters = [
            asyncio.create_task(job.result(30)),
            asyncio.create_task(asyncio.to_thread(job.result_sync, 30)),
        ]

        async def both_asked() -> bool:
            return len((await stage.broker.state(job.id)).get("waiters", "").split()) == 2

        await wait_until(both_asked, description="both wait")
        await asyncio.to_thread(breakable_redis.kill)
        await asyncio.to_thread(breakable_redis.start)
        late = asyncio.create_task(job.result(30))
        async with connect(breakable_redis.url) as broker:
            await broker.finish(await broker.take(), fields=["result", "1"], payload="1")
        assert await asyncio.gather(*waiters, late) == [1, 1, 1]


async def test_answer_lost_on_the_way(redis_url: str, tmp_path: Path) -> None:
    """A waiter whose line is cut asks again."""
    async with (
        proxy_to(redis_url, tmp_path) as proxy,
        stage_on(redis_url, way=proxy.url) as stage,
    ):
        job = await stage.app.ref("job").enqueue()
        task = asyncio.create_task(job.result(30))
        await wait_until(lambda: proxy.seen["watch"], description="the waiter asks")
        proxy.cut()
        await stage.broker.finish(await stage.broker.take(), fields=["result", "1"], payload="1")
        assert await task == 1


@pytest.mark.parametrize("sync", [False, True])
async def test_waiting_for_nobody(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, *, sync: bool
) -> None:
    """Without Redis a waiter is told: after the patience, or when its own time is over.

    Nothing of it is left over for the log.
    """
    await two_and_one(redis_url, tmp_path, sync=sync)
    gc.collect()
    assert not [each.getMessage() for each in caplog.records if each.name == "asyncio"]


async def two_and_one(redis_url: str, tmp_path: Path, *, sync: bool) -> None:
    """Wait while Redis goes away, after it has, and for less than the patience."""
    async with proxy_to(redis_url, tmp_path) as proxy, app_on(proxy.url, ENOUGH) as app:
        job: JobHandle[Any] = await one(app)
        waiting = asyncio.create_task(result(job, None, sync=sync))
        await wait_until(lambda: proxy.seen["watch"], description="the waiter asks")
        proxy.close()
        for task in (waiting, asyncio.create_task(result(job, None, sync=sync))):
            with pytest.raises(BrokerUnavailable, match="can't be reached"):
                await task
        with pytest.raises(BrokerUnavailable, match="can't be reached"):
            await result(job, 0.05, sync=sync)


async def result(job: JobHandle[Any], timeout: float | None, *, sync: bool) -> Any:
    """Wait in either form."""
    return await (asyncio.to_thread(job.result_sync, timeout) if sync else job.result(timeout))


async def test_waiting_without_permission(breakable_redis: ValkeyServer) -> None:
    """A server that forbids the blocking read is an error, not a wait for ever."""
    async with app_on(breakable_redis.url, 15) as app:
        job: JobHandle[Any] = await one(app)
        with Redis.from_url(breakable_redis.url) as server:
            server.execute_command("ACL", "SETUSER", "default", "-blpop")
        for sync in (False, True):
            with pytest.raises(BrokerError, match=r"(?i)blpop"):
                await result(job, None, sync=sync)
