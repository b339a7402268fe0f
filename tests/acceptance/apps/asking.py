"""A producer that says what it was promised, one line for each promise."""

import asyncio
import sys
from contextlib import suppress

from jobqueue import JobExists, JobNotFound
from tests.acceptance.apps.stepping import app, quick

MANY = [f"many-{n}" for n in range(4)]


async def main(promised: set[str]) -> None:
    """Enqueue jobs one by one and together, wait for one, and cancel another.

    Args:
        promised: What an earlier run of this program has said.
    """
    async with app:
        if "one" not in promised:
            with suppress(JobExists):
                job = await quick.options(job_id="one").enqueue(1)
                await job.result(timeout=20)
            _say("one")
        await app.enqueue_many(quick.options(job_id=each).prepare(1) for each in MANY)
        _say(*MANY)
        if "unwanted" not in promised:
            with suppress(JobExists):
                await quick.options(job_id="unwanted", delay=3600).enqueue(1)
            _say("unwanted")
        with suppress(JobNotFound):  # it was cancelled before
            await app.cancel("unwanted")


def _say(*ids: str) -> None:
    print(*ids, flush=True)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(main(set(sys.argv[1:])))
