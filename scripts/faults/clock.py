"""The same app with a schedule; to remove the schedule, the scheduler is run without it."""

from scripts.faults.app import app
from scripts.faults.jobs import tick

__all__ = ["app"]

app.every(1)(tick)
