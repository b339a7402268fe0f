"""Handlers that do what they are told at once."""

import hashlib
import json
from typing import Any

from jobqueue import JobQueue
from tests.acceptance.apps.notes import note

app = JobQueue()


@app.job()
async def echo(value: Any) -> Any:
    """Return the argument."""
    return value


@app.job()
async def digest(value: Any) -> str:
    """Return a checksum of the argument, for what is too large for a result."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


@app.job()
async def nothing() -> None:
    """Leave no trace but the row."""


@app.job()
async def count(number: int) -> None:
    """Note the number."""
    note("began", number=number)
