"""The same app with a schedule.

A scheduler fires the schedules of the app that it runs. So this is how to remove one: run
the scheduler without it.
"""

from scripts.demonstration.jobs import app, tick

__all__ = ["app"]

app.every(1)(tick)
