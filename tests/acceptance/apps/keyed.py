"""Handlers whose jobs have keys, limits and different ways to be stopped."""

import asyncio
import time

from jobqueue import JobQueue, Limit, Rate, Unique, current_job
from tests.acceptance.apps.notes import note

app = JobQueue()


@app.job()
async def hold(key: str, number: int, seconds: float) -> None:
    """Run under a lock key, and say when that began and ended."""
    note("began", key=key, number=number)
    await asyncio.sleep(seconds)
    note("ended", key=key, number=number)


@app.job(unique=Unique(on_conflict="return"))
async def once(number: int) -> int:
    """Have one unfinished job for each number."""
    note("began", number=number)
    return number


@app.job(limit=Limit(2, by="account"))
async def narrow(account: str, seconds: float) -> None:
    """Run twice at once for each account."""
    note("began", account=account)
    await asyncio.sleep(seconds)
    note("ended", account=account)


@app.job(rate=Rate(5, per=1))
async def paced(number: int) -> None:
    """Start five times in any second."""
    note("began", number=number)


@app.job()
async def on_the_loop() -> None:
    """Wait until cancelled."""
    note("began")
    await asyncio.sleep(3600)


@app.job()
def in_a_thread() -> None:
    """Look whether it was cancelled, and stop then."""
    note("began")
    while not current_job().cancelled:
        time.sleep(0.01)
    raise RuntimeError("stopped half way")


@app.job(process=True)
def in_a_process() -> None:
    """Never look."""
    note("began")
    time.sleep(3600)
