"""Writes down what a redrive left undone, as a second row of the operator log.

The first one is written before any job goes back, and rows of the log never change.
"""

import logging
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from jobqueue.domain.errors import HistoryError, HistoryUnavailable, SchemaMismatch
from jobqueue.domain.letters import CanaryOutcome
from jobqueue.domain.operations import Operation
from jobqueue.domain.views import Retried
from jobqueue.history import operations
from jobqueue.history.engine import Database

log = logging.getLogger("jobqueue")

ACTION = "dlq.retry.left"
SHOWN = 100  # ids in a row of the operator log


async def note(
    database: Database,
    command: Operation,
    key: str,
    answers: Sequence[Retried],
    canary: CanaryOutcome | None = None,
) -> None:
    """Write a row where fewer jobs are back than were meant; without PostgreSQL a warning.

    Args:
        database: Where the log is.
        command: What was written down before; its ``letters`` say how many were meant.
        key: The id of that row.
        answers: What became of each letter that was tried.
        canary: What the first ones came to.
    """
    meant = command.details["letters"]
    refused = [each.job_id for each in answers if each.error is not None]
    back = len(answers) - len(refused)
    if back >= meant:
        return
    details: dict[str, Any] = {"of": key, "put_back": back, "left": meant - back}
    if refused:
        details["refused"] = refused[:SHOWN]
    if canary is not None and canary.stopped:
        details["stopped_by_canary"] = {"tried": canary.tried, "failing": canary.failing}
    try:
        await operations.log(database, replace(command, action=ACTION, details=details))
    except (HistoryError, HistoryUnavailable, SchemaMismatch) as error:
        said = {"action": ACTION, "operator": command.operator, "error": str(error)}
        log.warning("not in the operator log", extra=said)
