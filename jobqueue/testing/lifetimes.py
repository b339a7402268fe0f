"""Ends what an app without a history keeps of jobs that are over, as the clock moves.

In production the recorder gives each result its lifetime, once the history has its row. Without
a history none works in a test: what a job came to would stay until the test ends.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from jobqueue.broker.messages import Ended, Recorded
from jobqueue.domain import executions
from jobqueue.domain.executions import Execution
from jobqueue.domain.ids import minted
from jobqueue.domain.instants import milliseconds
from jobqueue.domain.jobs import unpack_spec
from jobqueue.testing.apps import App, calls_of

if TYPE_CHECKING:
    from jobqueue.broker.lanes import SyncLane

_NO_ENTRY = "0-1"  # of a journal: its rows stay, for whoever asks what ran
_ALL = 1 << 62  # bytes of a journal


def end_results(app: App, lane: "SyncLane", now: datetime) -> None:
    """Forget the jobs whose result's lifetime is over at a moment.

    Args:
        app: An app that is connected to a test server.
        lane: A connection to it.
        now: What the clock will show.
    """
    if app.settings.database_url is not None:
        return  # a recorder gives them lifetimes
    calls = calls_of(app)
    default = round(app.settings.result_ttl * 1000)
    for name in lane.command("SMEMBERS", calls.keys.queues):
        over = [
            Ended(row.job_id, row.id, 0)
            for row in _finals(lane, calls.keys.journal(name.decode()))
            # Their ids are from the clock, which stood still while their handlers took real time.
            if milliseconds(minted(row.id)) + _lifetime(row, default) <= milliseconds(now)
        ]
        if over:
            gone = Recorded(_NO_ENTRY, 0, 0, over)
            lane.call(calls.recorded(name.decode(), [gone], _ALL))


def _finals(lane: "SyncLane", journal: str) -> Iterator[Execution]:
    for _, fields in lane.command("XRANGE", journal, "-", "+"):
        rows = (executions.unpack(record) for record in executions.split(fields[1]))
        yield from (row for row in rows if row.final)


def _lifetime(row: Execution, default: int) -> int:
    own = unpack_spec(row.spec).result_ttl_ms
    return default if own is None else own
