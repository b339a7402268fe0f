"""Resources that can't always be opened, or closed."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

from jobqueue import JobQueue, current_job

app = JobQueue()


@app.lifespan
async def resources() -> AsyncIterator[str]:
    """Fail at the start or at the end, or never be opened, as the environment says."""
    while hangs := os.environ.get("HANGS"):
        try:
            print("opening", file=sys.stderr)  # noqa: T201 - the test waits for it
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if hangs != "stubbornly":
                raise
    if os.environ.get("FAILS") == "start":
        raise ConnectionError("no database")
    yield "open"
    if os.environ.get("FAILS") == "end":
        raise ConnectionError("already gone")


@app.job()
async def look() -> str:
    """Return what was opened."""
    return str(current_job().state)
