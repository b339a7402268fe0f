"""Handlers that fail, some of them only for a time."""

import logging

from jobqueue import JobQueue, Retry, current_job

app = JobQueue()
log = logging.getLogger("failing")


@app.job(retry=Retry(5, base=0.05, jitter="none", backoff="constant"))
async def flaky(failures: int) -> int:
    """Fail so many times, then return the number of the attempt."""
    attempt = current_job().attempt
    if attempt <= failures:
        raise RuntimeError(f"attempt {attempt} of {failures} failures")
    return attempt


@app.job(retry=0)
async def hopeless(why: str, part: str = "first") -> None:
    """Fail for good, after a line in the log."""
    log.info("about to fail", extra={"why": why})
    if part != "mended":
        raise ValueError(why)


@app.job(retry=Retry(3, base=0.1, cap=0.35, jitter="none"))
async def exponential() -> None:
    """Fail with waits of 0.1, 0.2 and 0.35 s."""
    raise ConnectionError("exponential")


@app.job(retry=Retry(3, base=0.1, backoff="linear", jitter="none"))
async def linear() -> None:
    """Fail with waits of 0.1, 0.2 and 0.3 s."""
    raise ConnectionError("linear")


@app.job(retry=Retry(3, base=0.1, backoff="quadratic", jitter="none"))
async def quadratic() -> None:
    """Fail with waits of 0.1, 0.4 and 0.9 s."""
    raise ConnectionError("quadratic")


@app.job(retry=Retry(3, base=0.2, backoff="constant", jitter="equal"))
async def jittered() -> None:
    """Fail with waits of 0.1 to 0.2 s."""
    raise ConnectionError("jittered")
