"""Leaves a row in the operator log for what an operator does.

The row is written before the deed. PostgreSQL is never in the way of an operator: where it is
away the deed is done, and a warning says that the log has no row of it. Without a database URL
there is no log.
"""

import asyncio
import logging
from typing import Any

import msgspec

from jobqueue.client.operator import whoever
from jobqueue.domain.errors import HistoryError, HistoryUnavailable, SchemaMismatch
from jobqueue.domain.operations import Operation

log = logging.getLogger("jobqueue")

PATIENCE = 5.0  # seconds that a server which says nothing can hold up an operator


class Command(msgspec.Struct, frozen=True):
    """Who does something, and why.

    Args:
        operator: Who; None for the setting ``operator``, else the user of this process.
        reason: Why, in words; may be empty.
    """

    operator: str | None = None
    reason: str = ""


class Logbook(msgspec.Struct, frozen=True):
    """The operator log of one installation.

    Args:
        database_url: Where it is; None where there is none.
        operator: Who gives commands, unless one says who; None for the user of this process.
    """

    database_url: str | None
    operator: str | None = None

    def who(self, command: Command) -> str:
        """Return who gives a command."""
        return command.operator or self.operator or whoever()

    async def note(self, action: str, command: Command, **facts: Any) -> None:
        """Write down what is going to be done; without PostgreSQL say that it is not noted.

        Args:
            action: What, as the command is called.
            command: Who does it, and why.
            **facts: ``queue``, ``job_id``, ``filter`` and ``details`` of an ``Operation``.
        """
        if self.database_url is None:
            return
        from jobqueue.history import engine, operations  # who has no history needs no SQLAlchemy

        who, why = self.who(command), command.reason
        operation = Operation(operator=who, action=action, reason=why, **facts)
        try:
            async with (
                asyncio.timeout(PATIENCE),
                engine.opened(self.database_url, "client") as database,
            ):
                await operations.log(database, operation)
        except (HistoryError, HistoryUnavailable, SchemaMismatch, TimeoutError) as error:
            said = {"action": action, "operator": who, "error": str(error) or "it is silent"}
            log.warning("not in the operator log", extra=said)
