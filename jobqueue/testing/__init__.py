"""For tests of your jobs: on a real server, with a clock that you move, or without any server.

``connect`` points an app at a test server and undoes it; everything here but ``inline``
refuses an app without that. ``enqueue`` itself does not, so connect the app for every
test. The pytest plugin (``plugin.py``) does the same as the fixture ``jobqueue_connect``.
``jobqueue docs testing`` shows how.

One rule: what is imported here imports no server's client. pytest loads this package at
each start, also for suites that never use it.
"""

from jobqueue.testing.clock import Clock, clock
from jobqueue.testing.connecting import Connect, connect
from jobqueue.testing.idle import RanJob, run_until_idle, run_until_idle_sync
from jobqueue.testing.inline import inline
from jobqueue.testing.queued import EnqueuedJob, assert_enqueued, enqueued
from jobqueue.testing.servers import history, postgres_server, redis_server

__all__ = [
    "Clock",
    "Connect",
    "EnqueuedJob",
    "RanJob",
    "assert_enqueued",
    "clock",
    "connect",
    "enqueued",
    "history",
    "inline",
    "postgres_server",
    "redis_server",
    "run_until_idle",
    "run_until_idle_sync",
]
