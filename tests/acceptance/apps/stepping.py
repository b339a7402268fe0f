"""A handler for each thing that a worker may have to tell Redis."""

import asyncio
import os

from jobqueue import JobQueue, Retry, current_job
from tests.acceptance.apps.notes import note

app = JobQueue()


@app.job()
async def quick(number: int) -> int:
    """Succeed at once."""
    note("ended")
    return number


@app.job(retry=Retry(1, base=0.1, jitter="none"))
async def second_time() -> None:
    """Fail once."""
    if current_job().attempt == 1:
        raise ConnectionError("not yet")
    note("ended")


@app.job(retry=0)
async def hopeless() -> None:
    """Become a dead letter, until somebody helps it."""
    note("ended")
    if current_job().run == 0:
        raise LookupError("nothing there")


@app.job()
async def steady() -> None:
    """Say how far it is, for longer than a third of a lease."""
    for part in range(1, 5):
        await asyncio.sleep(0.25)
        current_job().progress(part / 4, "working")
    note("ended")


@app.job()
async def endless() -> None:
    """Outlast a worker that is to be told to stop."""
    note("began")
    if "TO_BE_STOPPED" in os.environ:
        await asyncio.sleep(3600)
    note("ended")


@app.job()
async def later() -> None:
    """Be promoted before it runs."""
    note("ended")


@app.every(1)
@app.job()
async def tick() -> None:
    """Be fired."""
    note("ended")
