"""One app in many threads, several event loops, and forked processes."""

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
from collections import Counter as Count
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jobqueue import JobExists, JobQueue, ResultTimeout, Status
from jobqueue.settings import Settings
from tests.integration.client.conftest import Counter


@pytest.fixture
def app(redis_url: str) -> JobQueue:
    """Return an app that the test closes."""
    return JobQueue(settings=Settings(redis_url=redis_url))


def ready(server: Counter) -> int:
    """Return the number of ready jobs."""
    return int(server.redis.xlen("jobqueue:{default}:ready:2"))


def connections(server: Counter) -> int:
    """Return how many connections clients of ours have open."""
    return sum(each["name"] == "jobqueue" for each in server.redis.client_list())


# Threads


def test_in_a_script(app: JobQueue, server: Counter) -> None:
    """A program without a loop needs nothing but the call."""
    with app:
        jobs = [app.ref("job").enqueue_sync(n) for n in range(10)]
        assert {job.status for job in jobs} == {Status.CREATED}
        assert connections(server) == 1
    assert ready(server) == 10


def test_many_threads(app: JobQueue, server: Counter) -> None:
    """Threads share the app; each call has a connection of its own while it lasts."""
    start = threading.Barrier(20)

    def work(n: int) -> None:
        start.wait()
        for m in range(20):
            app.ref("job").enqueue_sync(n, m)

    with app, ThreadPoolExecutor(20) as threads:
        for each in [threads.submit(work, n) for n in range(20)]:
            each.result()
        assert connections(server) <= 20
    assert ready(server) == 400


def test_threads_come_and_go(app: JobQueue, server: Counter) -> None:
    """A thread that ends leaves its connection to the next one."""
    with app:
        for n in range(20):
            thread = threading.Thread(target=app.ref("job").enqueue_sync, args=(n,))
            thread.start()
            thread.join()
        assert connections(server) == 1


def test_loop_beside_threads(app: JobQueue, server: Counter) -> None:
    """Both forms at once, on one app."""

    async def main() -> None:
        async with app:
            await asyncio.gather(
                *(app.ref("job").enqueue(n) for n in range(50)),
                *(asyncio.to_thread(app.ref("job").enqueue_sync, n) for n in range(50)),
            )

    asyncio.run(main())
    assert ready(server) == 100
    assert connections(server) == 0


async def test_on_a_loop(app: JobQueue, server: Counter) -> None:
    """A blocking call on a loop's thread would stop it; the error says what to write."""
    call = app.ref("job")
    with pytest.raises(RuntimeError, match=r"enqueue_sync\(\) would block .* await enqueue\("):
        call.enqueue_sync()
    with pytest.raises(RuntimeError, match=r"await enqueue_many\("):
        app.enqueue_many_sync([call.prepare()])
    assert server.stored() == set()


# Loops


def test_one_loop_after_the_other(app: JobQueue, server: Counter) -> None:
    """Each loop has its own connection, and closes it."""

    @app.job()
    async def double(number: int) -> int:
        """Return twice a number."""
        return number * 2

    async def main(number: int) -> int:
        async with app, app.worker():
            return await (await double.enqueue(number)).result(30)

    assert [asyncio.run(main(n)) for n in range(3)] == [0, 2, 4]
    assert connections(server) == 0


def test_several_loops_at_once(app: JobQueue, server: Counter) -> None:
    """Loops of several threads use one app at the same time."""
    start = threading.Barrier(5)

    async def main() -> None:
        async with app:
            start.wait()
            await asyncio.gather(*(app.ref("job").enqueue(n) for n in range(20)))

    with ThreadPoolExecutor(5) as threads:
        for each in [threads.submit(asyncio.run, main()) for _ in range(5)]:
            each.result()
    assert ready(server) == 100
    assert connections(server) == 0


def test_loops_that_are_not_closed(app: JobQueue, server: Counter) -> None:
    """Who forgets to close leaves no connection behind, and Python nothing to warn about."""

    async def main(n: int) -> None:
        job = await app.ref("job").enqueue(n)
        with pytest.raises(ResultTimeout):
            await job.result(0.01)

    for n in range(10):
        asyncio.run(main(n))
        gc.collect()
        assert connections(server) == 0
    assert ready(server) == 10


@pytest.mark.parametrize("form", ["asyncio.run(later())", "send()", "asyncio.run(later()); send()"])
def test_a_program_that_never_closes(redis_url: str, server: Counter, form: str) -> None:
    """A script that ends without a close says nothing, with every warning on."""
    code = f"""
    import asyncio, sys
    from jobqueue import JobQueue
    from jobqueue.settings import Settings

    app = JobQueue(settings=Settings(redis_url=sys.argv[1]))
    send = app.ref("job").enqueue_sync

    async def later():
        await app.ref("job").enqueue()

    {form}
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), redis_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert ready(server) >= 1


def test_loop_that_ends_in_the_middle(app: JobQueue, server: Counter) -> None:
    """A loop that is ended leaves no producer behind, and the next one works."""

    async def main() -> None:
        async with app:
            task = asyncio.create_task(app.ref("job").enqueue(1))
            await asyncio.sleep(0)
            task.cancel()

    asyncio.run(main())
    asyncio.run(main())
    assert connections(server) == 0


# Forks

FORKS = """
import asyncio, os, signal, sys
from jobqueue import JobQueue
from jobqueue.settings import Settings

app = JobQueue(settings=Settings(redis_url=sys.argv[1]))
send = app.ref("job").enqueue_sync

def main(who):
    for n in range(50):
        send(who, n)
    asyncio.run(on_a_loop(who))
    app.close_sync()

async def on_a_loop(who):
    async with app:
        await asyncio.gather(*(app.ref("job").enqueue(who, n) for n in range(50, 100)))

send("before", 0)
children = []
for child in range(3):
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)  # a child that hangs ends, and fails the test
        main(f"child {child}")
        sys.exit(0)
    children.append(pid)
main("parent")
assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
"""


def test_forked_processes(app: JobQueue, redis_url: str, server: Counter) -> None:
    """A child of a process that has connected gets connections of its own."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(FORKS), redis_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert ready(server) == 401

    async def arguments() -> Count[str]:
        async with app:
            keys = [key for key in server.stored() if ":job:" in key]
            found = [await app.find(key.rpartition(":")[2]) for key in keys]
            return Count(each[0].arguments["*"][0] for each in found)

    expected = {"before": 1, "parent": 100, **{f"child {n}": 100 for n in range(3)}}
    assert asyncio.run(arguments()) == expected


def test_fork_while_a_thread_is_at_it(redis_url: str, server: Counter) -> None:
    """Whatever other threads were doing at the fork, the child can enqueue."""
    code = """
    import os, signal, sys, threading
    from jobqueue import JobQueue
    from jobqueue.settings import Settings

    app = JobQueue(settings=Settings(redis_url=sys.argv[1]))
    send = app.ref("job").enqueue_sync
    stop, ready = threading.Event(), threading.Semaphore(0)

    def busy():
        while not stop.is_set():
            send("busy")
            ready.release()

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(20):
        ready.acquire()
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)  # a child that hangs ends, and fails the test
            send("child")
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    stop.set()
    for thread in threads:
        thread.join()
    app.close_sync()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), redis_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert ready(server) > 20


# Closing


def test_nothing_is_left_open(app: JobQueue, server: Counter) -> None:
    """After a close there is no connection, no task, and nothing for Python to warn about."""

    @app.job()
    async def double(number: int) -> int:
        """Return twice a number."""
        return number * 2

    async def main() -> set[Any]:
        async with app, app.worker():
            job = await double.enqueue(1)
            assert await job.result(30) == 2
            assert await asyncio.to_thread(job.result_sync, 15) == 2
            await app.enqueue_many([double.prepare(2)])
            with pytest.raises(JobExists):
                await double.options(job_id=job.id).enqueue(1)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == set()
    gc.collect()
    assert connections(server) == 0


def test_used_after_closing(app: JobQueue, server: Counter) -> None:
    """A closed app opens again when it is used again."""

    async def main() -> None:
        for _ in range(3):
            await app.ref("job").enqueue(1)
            await app.close()

    asyncio.run(main())
    for _ in range(3):
        app.ref("job").enqueue_sync(1)
        app.close_sync()
    assert ready(server) == 6
    gc.collect()
    assert connections(server) == 0


def test_closing_waits_for_what_is_under_way(app: JobQueue, server: Counter) -> None:
    """Jobs that were being sent are sent, and their producers get their answers."""

    async def main() -> list[Any]:
        tasks = [asyncio.create_task(app.ref("job").enqueue(n)) for n in range(2500)]
        await asyncio.sleep(0)
        await app.close()
        return [task.result() for task in tasks]

    assert len(asyncio.run(main())) == 2500
    assert ready(server) == 2500
    gc.collect()
    assert connections(server) == 0
