"""A schedule that fires every second."""

from jobqueue import JobQueue
from tests.acceptance.apps.notes import note

app = JobQueue()


@app.every(1)
@app.job()
async def tick() -> None:
    """Note that it was fired."""
    note("began")
