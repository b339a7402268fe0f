"""The handlers of the fault suite: one for each kind of job in ``plan.py``.

Each notes that it began, with the delivery's fencing number, and does its work in the store.
"""

import asyncio
import time

from jobqueue import Limit, Permanent, Rate, Retry, Snooze, Unique, current_job
from scripts.faults.app import PAUSE, HiccupError, app, begin, note, soon
from scripts.faults.plan import AT_ONCE, LEASE, STARTS
from scripts.faults.store import write


@app.job(retry=soon)
async def quick(number: int) -> int:
    """Be over at once, like most jobs."""
    note("began")
    write()
    return number


@app.job(retry=soon)
async def brief(number: int) -> int:
    """Work for a moment, so that every worker has something in hand."""
    begin()
    await asyncio.sleep(0.1 + number % 10 / 10)
    write()
    return number


@app.job(retry=soon)
def in_thread(number: int) -> int:
    """Work in a thread."""
    begin()
    time.sleep(0.03)
    write()
    return number


@app.job(retry=soon, process=True)
def in_process(number: int) -> int:
    """Work in a process."""
    begin()
    time.sleep(0.3)
    write()
    return number


@app.job(retry=soon)
async def lasting(number: int) -> int:
    """Take several leases."""
    begin()
    await asyncio.sleep(2.3 * LEASE)
    write()
    return number


@app.job(retry=soon)
async def flaky(number: int) -> int:
    """Succeed on the third attempt."""
    begin()
    if current_job().attempt < 3:  # noqa: PLR2004 - see plan.py
        note("ended")
        raise HiccupError(number)
    write()
    return number


@app.job(retry=Retry(1, base=PAUSE, backoff="constant", jitter="none"))
async def doomed(number: int) -> None:
    """Become a dead letter after two attempts."""
    begin()
    note("ended")
    raise HiccupError(number)


@app.job(retry=soon)
async def hopeless(number: int) -> None:
    """Become a dead letter at once."""
    begin()
    raise Permanent(f"number {number}")


@app.job(retry=soon)
async def snoozing(number: int) -> int:
    """Ask for more time, once or more often when deliveries are lost."""
    begin()
    if current_job().delivery == 1:
        raise Snooze(PAUSE)
    write()
    return number


@app.job(retry=soon)
async def delayed(number: int) -> int:
    """Run when its time has come."""
    begin()
    write()
    return number


@app.job(retry=soon)
async def locked(number: int, key: str) -> int:
    """Be alone under a lock key."""
    begin(key)
    await asyncio.sleep(0.01)
    write()
    note("ended", key)
    return number


@app.job(retry=soon, unique=Unique(by=("key",), on_conflict="return"))
async def unique(number: int, key: str) -> int:
    """Be the only unfinished one of its key."""
    begin(key)
    await asyncio.sleep(0.05)
    write()
    return number


@app.job(retry=soon, limit=Limit(AT_ONCE))
async def limited(number: int) -> int:
    """Be one of few at a time."""
    begin()
    await asyncio.sleep(0.02)
    write()
    return number


@app.job(retry=soon, rate=Rate(STARTS, per=1))
async def rated(number: int) -> int:
    """Be one of so many in a second."""
    begin()
    write()
    return number


@app.job(retry=soon)
async def expiring(number: int) -> int:
    """Run soon or never."""
    begin()
    write()
    return number


@app.job(retry=soon)
async def cancelled(number: int) -> int:
    """Be cancelled before its time comes, unless the cancelling is lost."""
    begin()
    write()
    return number


@app.job(retry=soon)
async def blocking(seconds: float) -> None:
    """Stop the event loop, which no handler should."""
    begin()
    time.sleep(seconds)  # noqa: ASYNC251 - this is the fault
    write()


@app.job(queue="main", retry=soon)
async def tick() -> None:
    """Run every second; ``clock.py`` has the schedule."""
    begin()
    write()
