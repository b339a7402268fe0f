"""Processes that stand still, or believe in another time, and go on."""

import signal
from contextlib import closing
from random import Random

from jobqueue import JobQueue
from jobqueue.settings import load
from scripts.faults import hosts
from scripts.faults.holding import victim
from scripts.faults.plan import LEASE, QUEUES
from scripts.faults.registry import Injection, fault
from scripts.faults.services import send
from scripts.faults.stage import SCHEDULERS, WORKERS, Stage

HOUR = 3600.0


@fault(
    "pause-worker",
    "SIGSTOP of a worker for longer than its lease, then SIGCONT",
    lane="processes",
    doubles="all",
    recovery="held",
)
def pause_worker(stage: Stage, random: Random, injection: Injection) -> None:
    """Let others take its jobs, then let it go on with them."""
    injection.target = victim(stage, random, injection)
    pid = stage.crew.pid(injection.target)
    if pid is None:
        return
    injection.pids.append(pid)
    send(pid, signal.SIGSTOP)
    stage.sleep(LEASE + random.uniform(1.0, 3.0))
    send(pid, signal.SIGCONT)


@fault("blocked-loop", "a handler blocks the event loop for longer than a lease", lane="processes")
def blocked_loop(stage: Stage, random: Random, injection: Injection) -> None:
    """Enqueue a job that does; past the proxy, since only its running matters."""
    settings = load({"redis_url": stage.servers.redis.url}, environ={})
    seconds = LEASE * random.uniform(1.3, 2.0)
    app = JobQueue(settings=settings)
    with closing(_Closing(app)):
        call = app.ref("blocking").options(queue=random.choice(QUEUES), priority="critical")
        stage.blockers.append(call.enqueue_sync(seconds).id)
    injection.target = "a worker"
    stage.sleep(seconds)


@fault("clock-steps", "the clock of a host steps by an hour, forth and back", lane="processes")
def clock_steps(stage: Stage, random: Random, injection: Injection) -> None:
    """Step the clock of one service while it runs."""
    injection.target = random.choice([*WORKERS, *SCHEDULERS, "producer"])
    clock = hosts.clock_of(stage.folder, injection.target)
    first = random.choice((-HOUR, HOUR))
    for offset in (first, -first, 0.0):
        hosts.step(clock, offset)
        stage.sleep(random.uniform(0.7, 1.5) if offset else 0)


class _Closing:
    """Makes ``closing`` end an app's connections."""

    def __init__(self, app: JobQueue) -> None:
        self.close = app.close_sync
