"""Handlers that take their time, each kind in its own way."""

import asyncio
import time

from jobqueue import JobQueue
from tests.acceptance.apps.notes import note

app = JobQueue()


@app.job()
async def last(seconds: float) -> None:
    """Wait on the event loop."""
    note("began")
    await asyncio.sleep(seconds)
    note("ended")


@app.job()
def last_in_thread(seconds: float) -> None:
    """Block a thread."""
    note("began")
    time.sleep(seconds)
    note("ended")


@app.job(process=True)
def last_in_process(seconds: float) -> None:
    """Block a child process."""
    note("began")
    time.sleep(seconds)
    note("ended")


@app.job()
async def block_the_loop(seconds: float) -> None:
    """Do what no async handler should: stop the event loop."""
    note("began")
    time.sleep(seconds)  # noqa: ASYNC251 - on purpose
    note("ended")


@app.job()
async def refuse_to_end() -> None:
    """Ignore every cancellation."""
    note("began")
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            note("ignored")


@app.job()
async def hide_in_thread(seconds: float) -> None:
    """Block a thread of the standard pool, which waits for its threads at exit."""
    note("began")
    await asyncio.to_thread(time.sleep, seconds)
