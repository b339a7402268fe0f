"""Two jobs and a schedule: what the compose file runs until it is given your app."""

from jobqueue import JobQueue, Retry

app = JobQueue()


@app.job(queue="email", priority="high", retry=Retry(5, jitter="decorrelated"), timeout=20)
async def send_email(to: str, subject: str) -> str:
    """Pretend to send a mail; return what would have been sent."""
    return f"to {to}: {subject}"


@app.job()
def add(a: int, b: int) -> int:
    """Add two numbers, in a thread."""
    return a + b


@app.cron("*/5 * * * *")
@app.job()
async def tick() -> None:
    """Run every five minutes."""
