"""Which schedules a scheduler fires: its own, and those that are stored."""

from jobqueue.domain.jobs import Priority
from jobqueue.domain.plans import Plan
from jobqueue.domain.schedules import Every
from jobqueue.domain.timing import Timing
from jobqueue.scheduler.scheduled import Scheduled
from jobqueue.scheduler.timetable import Timetable


def test_a_pause_of_one_in_code_whose_row_cannot_be_read() -> None:
    """What a newer version stored with it is no use; that it is paused holds."""
    timetable = Timetable([Scheduled("clock", Every(1), "default", Priority.NORMAL, "tick", b"")])
    row = Plan(
        name="clock",
        job="tick",
        queue="default",
        priority=2,
        spec=b"",
        timing=Timing(),
        declared=True,
        paused=True,
    )
    timetable.take([row])
    [own] = timetable.named("clock")
    assert (own.rule, own.paused) == (Every(1), True)
