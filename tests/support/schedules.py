"""What tests of stored schedules share."""

from typing import Any

from jobqueue import Job, Occurrence
from tests.support import wait_until
from tests.support.stage import Stage

Note = Job[[str], Any, None]


async def ledger(stage: Stage, name: str, n: int, **where: Any) -> list[Occurrence]:
    """Wait until so many occurrences have their rows; return them, oldest first."""

    async def found() -> list[Occurrence]:
        rows = await stage.app.schedule_ledger(name, limit=1000, **where)
        return rows if len(rows) >= n else []

    rows = await wait_until(found, description=f"{n} rows of {name} in the ledger")
    return rows[::-1]
