"""Why a job is where it is: one sentence for each thing that holds it, and what helps.

Pure: everything that has to be known is an argument. The first reason is the one that
holds the job now; the others will, once that one is gone.
"""

import shlex
from collections.abc import Collection, Iterator
from datetime import datetime

from jobqueue.domain import fleet, obstacles
from jobqueue.domain.instants import from_ms
from jobqueue.domain.jobs import State
from jobqueue.domain.standing import BoundBy, LockHeld, Standing
from jobqueue.domain.why import Around, Reason
from jobqueue.domain.wording import counted, duration, moment

SOON_MS = 2_000  # what was due so long ago is late
_OF_QUEUE = ("limit:queue", "rate:queue")  # jobs stay in line behind these


def reasons(job_id: str, at: Standing, around: Around) -> list[Reason]:
    """Return why a job that has not ended is where it is.

    Args:
        job_id: The job.
        at: Where it stands.
        around: What bears on it beside that.
    """
    state = State(at.state)
    if state is State.RUNNING:
        return list(_running(job_id, at, around))
    road = [*obstacles.pauses(at, around), *obstacles.road(job_id, at, around)]
    if state is State.READY:
        found = [*road, *_full(at, around, _OF_QUEUE), *_turn(job_id, at, around)]
        found += [each for each in _full(at, around) if each not in found]
    else:
        first = _blocked if state is State.BLOCKED else _due
        found = list(first(job_id, at, around))
        # A name that nobody knows is told once.
        found += [each for each in road if each.kind != found[0].kind]
    return [*found, *_ends(at)]


def _running(job_id: str, at: Standing, around: Around) -> Iterator[Reason]:
    worker, since = at.worker or "", at.since
    on = f"on worker {worker} since {_since(since, at.now_ms)}"
    cancel = f"jobqueue jobs cancel {shlex.quote(job_id)}"
    if at.lease_ms is not None and at.lease_ms <= at.now_ms:
        silent = moment(from_ms(at.lease_ms))
        text = f"worker {worker} has been silent since its lease ended at {silent}"
        text += "; another worker of the queue takes the job back within seconds"
        helps = f"jobqueue workers list --queue {around.queue}"
        yield Reason(kind="lost_worker", text=text, command=helps, at=since, worker=worker)
        if not around.serving:
            yield obstacles.no_worker(around)
    elif at.cancel is not None:
        why = f" ({at.cancel})" if at.cancel else ""
        text = f"it was told to stop{why} and still runs {on}"
        helps = f"jobqueue workers show {shlex.quote(worker)}"
        yield Reason(kind="cancelling", text=text, command=helps, at=since, worker=worker)
    else:
        text = f"it runs {on}, attempt {at.attempts + 1}"
        yield Reason(kind="running", text=text, command=cancel, at=since, worker=worker)


def _since(since: datetime | None, now_ms: int) -> str:
    if since is None:
        return "an unknown time"
    return f"{moment(since)} ({duration(max(0.0, now_ms / 1000 - since.timestamp()))})"


def _due(job_id: str, at: Standing, around: Around) -> Iterator[Reason]:
    late = at.due_ms is not None and at.now_ms - at.due_ms > SOON_MS
    lives = fleet.of_role(around.living, "scheduler")
    if late and not lives:
        yield obstacles.no_scheduler()
    yield _waits(job_id, at, around, behind=bool(late and lives))
    if not late and not lives:
        yield obstacles.no_scheduler()


def _waits(job_id: str, at: Standing, around: Around, *, behind: bool) -> Reason:
    """Return what a job waits for whose time will come, or has come and schedulers are behind."""
    due, name = from_ms(at.due_ms), at.name
    when = f"{moment(due)}, {_distance((at.due_ms or at.now_ms) - at.now_ms)}"
    helps = f"jobqueue jobs run-now {shlex.quote(job_id)} --queue {around.queue}"
    if behind:
        text = f"it was due at {when}: the schedulers are behind"
        return Reason(kind="due", text=text, command="jobqueue health scheduler", at=due)
    if at.state == State.RETRYING:
        text = f"attempt {at.attempts} failed; the next one is due at {when}"
        return Reason(kind="retry", text=text, command=helps, at=due)
    if at.unknown and not obstacles.known(name, around):
        text = f"workers have handed it back {counted(at.unknown, 'time')}, since none knows {name}"
        text += f"; it is tried again at {when}"
        helps = obstacles.start(around.queue)
        if around.serving:
            text += obstacles.elsewise(name, around)
            helps = obstacles.give_up(job_id, around)
        return Reason(kind="unknown_name", text=text, command=helps, at=due)
    return Reason(kind="due", text=f"it is not due until {when}", command=helps, at=due)


def _distance(ms: float) -> str:
    text = duration(abs(ms) / 1000)
    return f"in {text}" if ms >= 0 else f"{text} ago"


def _blocked(_: str, at: Standing, around: Around) -> Iterator[Reason]:
    waiting = [bound for bound in at.bounds if bound.ahead is not None]
    if at.lock is not None and at.place.startswith("blocked:") and at.lock.owner:
        yield _lock(at.lock, at, around)
    elif waiting and waiting[0].full:
        yield _bound(waiting[0], at, around)
        if waiting[0].kind == "rate" and not fleet.of_role(around.living, "scheduler"):
            yield obstacles.no_scheduler()
    else:
        text = "what it waited for is free: it becomes ready at once"
        helps = f"jobqueue queues {around.queue}"
        yield Reason(kind="letting_in", text=text, command=helps)


def _lock(lock: LockHeld, at: Standing, around: Around) -> Reason:
    since = lock.since
    text = f"its lock {lock.key!r} is held by job {lock.owner}"
    if lock.worker:
        text += f", which runs on worker {lock.worker} since {_since(since, at.now_ms)}"
    else:
        text += f", which is {lock.state or 'gone'} itself"
    if lock.ahead:
        text += f"; {counted(lock.ahead, 'job')} in line before this one"
    owner = shlex.quote(lock.owner or "")
    return Reason(
        kind="lock",
        text=text,
        command=f"jobqueue why {owner} --queue {around.queue}",
        at=since,
        ahead=lock.ahead,
        other=lock.owner,
        worker=lock.worker,
    )


def _bound(bound: BoundBy, at: Standing, around: Around) -> Reason:
    ahead = f"; {counted(bound.ahead, 'job')} before this one" if bound.ahead else ""
    helps = f"jobqueue limits set {around.queue} {shlex.quote(bound.scope.partition('=')[0])} VALUE"
    if bound.kind == "limit":
        text = f"concurrency limit {bound.scope} is full: {bound.used} of {bound.n} run{ahead}"
        return Reason(kind="limit", text=text, command=helps, ahead=bound.ahead)
    frees = from_ms(bound.frees_ms)
    period = duration((bound.per_ms or 0) / 1000)
    left = _distance(max(0, (bound.frees_ms or 0) - at.now_ms))
    text = (
        f"rate limit {bound.scope} ({bound.n} in {period}) frees {left}, at {moment(frees)}{ahead}"
    )
    return Reason(kind="rate", text=text, command=helps, at=frees, ahead=bound.ahead)


def _full(at: Standing, around: Around, scopes: Collection[str] | None = None) -> Iterator[Reason]:
    """Yield the limits that are full, of some scopes or of all; pauses are none."""
    for bound in at.bounds:
        if bound.full and bound.note is None and (scopes is None or bound.scope in scopes):
            yield _bound(bound, at, around)


def _turn(job_id: str, at: Standing, around: Around) -> Iterator[Reason]:
    if at.place.startswith("poison:"):
        text = f"{counted(at.crashes, 'worker')} died while running it; to protect others it runs "
        text += "next on a worker with no other such job"
        yield Reason(kind="last_life", text=text, command=f"jobqueue queues {around.queue}")
        return
    line = f"queue {around.queue}"
    if around.partitions > 1:
        line = f"its partition of {line}"
    n = f"more than {around.ahead:,}" if around.more else f"{around.ahead:,}"
    text = f"{n} {'job is' if n == '1' else 'jobs are'} ahead of it in {line}"
    if not around.ahead:
        text = f"it is the next of {line}"
    due, pace = _pace(at, around)
    helps = f"jobqueue queues {around.queue}"
    if around.ahead:
        helps = f"jobqueue jobs priority {shlex.quote(job_id)} critical --queue {around.queue}"
    yield Reason(kind="ahead", text=f"{text}{pace}", command=helps, at=due, ahead=around.ahead)


def _pace(at: Standing, around: Around) -> tuple[datetime | None, str]:
    """Return when its turn comes at the present rate, and words for that."""
    taken, slots = fleet.slots(around.serving)
    busy = f"; {taken:,} of {slots:,} slots of its workers are taken" if slots else ""
    rate = fleet.rate(around.serving, around.queue)
    if rate is None:
        return None, busy
    if not rate:
        return None, f"{busy}; none of its jobs has ended in the last minute"
    wait = (around.ahead + 1) * around.partitions / rate
    due = from_ms(at.now_ms + wait * 1000)
    if not around.ahead and taken < slots:
        return due, busy
    least = "at least" if around.more else "about"
    return due, f"; at {rate:,.3g} a second its turn comes in {least} {duration(wait)}{busy}"


def _ends(at: Standing) -> Iterator[Reason]:
    if at.expires_ms is not None:
        ends = from_ms(at.expires_ms)
        text = f"it expires at {moment(ends)} unless it has started by then"
        yield Reason(kind="expires", text=text, at=ends)
    if at.deadline_ms is not None:
        ends = from_ms(at.deadline_ms)
        text = f"it is a dead letter at its deadline, {moment(ends)}, unless it has ended by then"
        yield Reason(kind="deadline", text=text, at=ends)
