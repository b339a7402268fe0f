"""Threads that run plain functions: who gets one, who waits, and who never does."""

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import msgspec
import pytest

from jobqueue import JobQueue, Settings
from jobqueue.broker.messages import Delivery
from jobqueue.domain import codec
from jobqueue.domain.handlers import Kind
from jobqueue.domain.jobs import SPEC_VERSION, Spec
from jobqueue.domain.outcomes import Failed, Succeeded
from jobqueue.worker.attempt import Limits
from jobqueue.worker.executor import Executor
from jobqueue.worker.held import Held
from jobqueue.worker.places import InThread
from jobqueue.worker.threads import Call, Threads
from tests.support.reports import shared
from tests.support.waiting import wait_until_sync

LIMITS = Limits(None, 1000, 1000)


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    """At most one thread."""
    found = Threads(1, asyncio.get_running_loop())
    yield found
    found.close()


class Hold:
    """A function that holds its thread until it may return."""

    def __init__(self) -> None:
        self.release = threading.Event()

    def __call__(self) -> str:
        """Hold it."""
        self.release.wait(30)
        return "held"


def start(threads: Threads, function: Callable[[], Any]) -> Call:
    """Start a function of which nobody wants to know when it begins."""
    call = Call(function, copy_context(), lambda: None)
    threads.start(call)
    return call


async def test_value_and_error(threads: Threads) -> None:
    """What a function returned or raised is there when it has returned."""
    ended = start(threads, lambda: 1)
    raised = start(threads, lambda: 1 // 0)
    assert await ended.returned(None)
    assert await raised.returned(None)
    assert (ended.value, ended.error) == (1, None)
    assert isinstance(raised.error, ZeroDivisionError)


async def test_order_of_coming(threads: Threads) -> None:
    """The thread takes one after the other; each is told when it begins."""
    told, ran = list[int](), list[int]()
    runs = [Call(partial(ran.append, n), copy_context(), partial(told.append, n)) for n in range(5)]
    for each in runs:
        threads.start(each)
    assert told == [0]
    assert await runs[-1].returned(None)
    assert told == ran == [0, 1, 2, 3, 4]


async def test_patience(threads: Threads) -> None:
    """Who waits no longer is told so, for a thread as for the end; both may come later."""
    hold = Hold()
    first, second = start(threads, hold), start(threads, lambda: None)
    assert await first.begun(0.0)
    assert not await second.begun(0.01)
    assert not await first.returned(0.01)
    hold.release.set()
    assert await first.returned(None)
    assert first.value == "held"
    assert not second.wanted


async def test_withdrawn(threads: Threads) -> None:
    """What was withdrawn before it had a thread never runs."""
    hold, ran = Hold(), list[str]()
    first = start(threads, hold)
    second = start(threads, lambda: ran.append("second"))
    third = start(threads, lambda: ran.append("third"))
    threads.withdraw(second)
    threads.withdraw(first)  # has its thread: nothing can stop it
    hold.release.set()
    assert await third.returned(None)
    assert (first.value, ran) == ("held", ["third"])


@pytest.mark.parametrize("waits", [Call.begun, Call.returned])
async def test_cancelled_as_a_thread_gets_free(threads: Threads, waits: Any) -> None:
    """What is cancelled in the very round of the loop in which it would begin does not."""
    hold, ran = Hold(), list[str]()
    first, second = start(threads, hold), start(threads, lambda: ran.append("second"))
    waiting = asyncio.create_task(waits(second, None))
    await asyncio.sleep(0)
    hold.release.set()
    wait_until_sync(lambda: threads._ended, description="an end that the loop has not seen")
    waiting.cancel()
    threads._collect()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await first.returned(None)
    third = start(threads, lambda: ran.append("third"))
    assert await third.returned(None)
    assert ran == ["third"]


async def test_its_begin_is_told_in_its_context(threads: Threads) -> None:
    """Whether a thread was free at once, or gets free when nobody's context is entered."""
    name, told = ContextVar[str]("name"), list[str]()
    calls = []
    for each in ("first", "second"):
        name.set(each)
        calls.append(Call(lambda: None, copy_context(), lambda: told.append(name.get())))
        threads.start(calls[-1])
    name.set("neither")
    assert await calls[-1].returned(None)
    assert told == ["first", "second"]


@pytest.mark.parametrize("released", [True, False])
async def test_cancelled_as_it_begins(threads: Threads, *, released: bool) -> None:
    """A job with bounds that is cancelled in the round in which it gets a thread waits for it."""
    hold, work = Hold(), Hold()
    first, second = held(hold), held(work, timeout=30)
    executor = Executor(LIMITS, {Kind.THREAD: InThread(threads)})
    runs = [asyncio.create_task(executor.run(each)) for each in (first, second)]
    await asyncio.sleep(0)
    hold.release.set()
    wait_until_sync(lambda: threads._ended, description="an end that the loop has not seen")
    threads._collect()
    second.released = released
    runs[1].cancel()
    await asyncio.wait(runs[:1])
    for _ in range(3):
        await asyncio.sleep(0)
    assert not runs[1].done()
    assert second.in_thread
    work.release.set()
    outcome = await runs[1]
    assert isinstance(outcome, Succeeded if released else Failed)
    assert not second.in_thread


def held(function: Callable[[], Any], timeout: float | None = None) -> Held:
    """Return a delivery of a job that calls a function."""

    def work() -> Any:
        return function()

    handler = JobQueue(settings=Settings()).job(timeout=timeout)(work).handler
    spec = msgspec.Raw(msgspec.msgpack.encode(Spec(SPEC_VERSION, None, codec.encode({}))))
    delivery = Delivery("id", "token", "ready:2", "1-0", 0, "work", 1, spec, 0, 0, 1, 0, 0, 99)
    return Held("default", delivery, handler, 0, shared())


async def test_the_wait_is_cancelled_and_not_the_function(threads: Threads) -> None:
    """It can be waited for again."""
    hold = Hold()
    running = start(threads, hold)
    waiting = asyncio.create_task(running.returned(None))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    hold.release.set()
    assert await running.returned(None)
    assert running.value == "held"


async def test_many_at_once() -> None:
    """However their ends meet the loop's looks at them, none is forgotten."""
    threads = Threads(8, asyncio.get_running_loop())
    for _ in range(20):
        runs = [start(threads, partial(int, n)) for n in range(100)]
        assert all(await asyncio.gather(*(each.returned(30) for each in runs)))
        assert [each.value for each in runs] == list(range(100))
    threads.close()


async def test_nothing_is_kept(threads: Threads) -> None:
    """A function and its error are gone with who waited, without the garbage collector."""

    class Argument:
        def __call__(self) -> None:
            raise ValueError(self)

    argument = Argument()
    gone = weakref.ref(argument)
    gc.disable()
    try:
        running = start(threads, argument)
        del argument
        assert await running.returned(None)
        assert running.error
        del running
        assert gone() is None
    finally:
        gc.enable()


async def test_a_thread_that_cannot_be_started(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wanted it hears so, and the next one tries again."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            start(threads, lambda: None)
    running = start(threads, lambda: "ran")
    assert await running.returned(None)
    assert running.value == "ran"
