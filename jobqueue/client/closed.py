"""Says who put dead letters back or deleted them, and why, from the operator log."""

from collections.abc import Sequence

from msgspec import structs

from jobqueue.domain.entries import LogEntry
from jobqueue.domain.errors import HistoryError
from jobqueue.domain.views import DeadLetter
from jobqueue.history import operations
from jobqueue.history.engine import Database


async def by_whom(database: Database, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    """Return letters, the closed ones with who closed them, as far as the log can be read.

    Raises:
        HistoryUnavailable: PostgreSQL is away.
        SchemaMismatch: There is no such table.
    """
    ids = {each.closed_by for each in letters if each.closed_by is not None}
    try:
        entries = await operations.by_id(database, ids) if ids else {}
    except HistoryError:  # who may read letters need not be allowed to read the log
        entries = {}
    return [_told(each, entries.get(each.closed_by or "")) for each in letters]


def _told(letter: DeadLetter, entry: LogEntry | None) -> DeadLetter:
    if entry is None:  # open, or the row is kept no longer
        return letter
    return structs.replace(letter, closed_operator=entry.operator, closed_reason=entry.reason)
