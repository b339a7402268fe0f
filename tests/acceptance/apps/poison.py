"""Handlers that kill the process that runs them, after they have said how far they are."""

import asyncio
import os
import signal

from jobqueue import JobQueue, current_job
from tests.acceptance.apps.notes import note

app = JobQueue()


async def _reported() -> None:
    """Say it, and give the worker time to pass it on."""
    note("began")
    current_job().progress(0.4, "resizing")
    await asyncio.sleep(2.5)


@app.job()
async def kill() -> None:
    """End as when memory is out."""
    await _reported()
    os.kill(os.getpid(), signal.SIGKILL)


@app.job()
async def leave() -> None:
    """End without a word."""
    await _reported()
    os._exit(3)


@app.job(process=True, retry=1)
async def kill_child() -> None:
    """End the child alone."""
    await _reported()
    os.kill(os.getpid(), signal.SIGKILL)
