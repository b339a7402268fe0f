"""What the soak runs: a bit of everything that applications do."""

import asyncio
import hashlib

from jobqueue import JobQueue, Limit, Permanent, Rate, Retry, Snooze, Unique, current_job

app = JobQueue()
SOON = Retry(2, base=0.1, backoff="constant")


@app.job()
async def add(a: int, b: int) -> int:
    """Return a result."""
    return a + b


@app.job(priority="high")
def digest(text: str) -> str:
    """Work in a thread."""
    return hashlib.sha256(text.encode()).hexdigest()


@app.job(process=True)
def digest_apart(text: str) -> str:
    """Work in a child process."""
    return hashlib.sha256(text.encode()).hexdigest()


@app.job(retry=SOON)
async def flaky() -> None:
    """Succeed at the second attempt."""
    if current_job().attempt == 1:
        raise ConnectionError("the service is busy")


@app.job(retry=SOON)
async def refuse(text: str) -> None:
    """Become a dead letter."""
    raise Permanent(f"{text} is not to be had")


@app.job(timeout=0.2, retry=0)
async def linger() -> None:
    """Run past the timeout."""
    await asyncio.sleep(5)


@app.job()
async def later() -> None:
    """Ask for another run, once."""
    if current_job().delivery == 1:
        raise Snooze(0.5)


@app.job(limit=Limit(2), rate=Rate(50, per=1))
async def bounded() -> None:
    """Wait for its turn."""
    await asyncio.sleep(0.01)


@app.job()
async def report(steps: int) -> None:
    """Say how far it is."""
    for step in range(steps):
        current_job().progress((step + 1) / steps, f"step {step + 1}")
        await asyncio.sleep(0.02)


@app.job(retry=0)
async def endless() -> None:
    """Run until it is cancelled."""
    await asyncio.sleep(3600)


@app.job(unique=Unique(by="account", on_conflict="return"))
async def refresh(account: int) -> None:
    """Be one for each account."""
    await asyncio.sleep(account / 100)


@app.every(1)
@app.job()
async def tick() -> None:
    """Run every second."""
