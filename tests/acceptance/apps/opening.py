"""Resources that can't always be opened, or closed."""

import os
from collections.abc import AsyncIterator

from jobqueue import JobQueue, current_job

app = JobQueue()


@app.lifespan
async def resources() -> AsyncIterator[str]:
    """Fail at the start or at the end, as the environment says."""
    if os.environ.get("FAILS") == "start":
        raise ConnectionError("no database")
    yield "open"
    if os.environ.get("FAILS") == "end":
        raise ConnectionError("already gone")


@app.job()
async def look() -> str:
    """Return what was opened."""
    return str(current_job().state)
