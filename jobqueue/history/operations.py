"""The operator log: a row for each command, written before its effects can be seen."""

import time

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from jobqueue.domain.ids import uuid7
from jobqueue.domain.operations import Operation
from jobqueue.history.engine import plain_errors
from jobqueue.history.tables import operator_log


async def log(engine: AsyncEngine, operation: Operation) -> str:
    """Write down what is going to be done; return the id of the row.

    Raises:
        HistoryUnavailable: PostgreSQL is away; nothing is to be done then.
        HistoryError: We may not write there.
        SchemaMismatch: There is no such table.
    """
    with plain_errors():
        async with engine.begin() as connection:
            key = new_id()
            await log_with(connection, operation, key)
            return key


async def log_with(connection: AsyncConnection, operation: Operation, key: str) -> None:
    """Write down an operation in the transaction that does it; ``key`` comes from ``new_id``."""
    await connection.execute(insert(operator_log).values(id=key, **operation.row()))


def new_id() -> str:
    """Return the id of a row to come."""
    return uuid7(time.time_ns() // 1_000_000)
