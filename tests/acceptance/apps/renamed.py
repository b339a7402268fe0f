"""The next version of ``basics``: one handler has another name, one takes something else."""

from jobqueue import JobQueue

app = JobQueue()


@app.job()
async def echo(text: str) -> str:
    """Return the argument, which had another name."""
    return text


@app.job()
async def counts(number: int) -> None:
    """Do nothing; it was called otherwise."""
    del number
