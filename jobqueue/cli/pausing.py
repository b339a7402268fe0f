"""``jobqueue pause``, ``resume``, ``quiet``, ``pauses`` and ``purge``: stop queues and workers."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from jobqueue.app import JobQueue
from jobqueue.cli.confirm import confirm
from jobqueue.cli.context import Cli
from jobqueue.cli.control import NEEDED, PURGE, emit
from jobqueue.cli.errors import say
from jobqueue.cli.flags import DryRun, Reason, Yes
from jobqueue.cli.hints import new_queue
from jobqueue.cli.options import takes
from jobqueue.cli.output import moment, table
from jobqueue.cli.values import Text
from jobqueue.domain.operations import Swept
from jobqueue.domain.pauses import Pause, pause_of_worker
from jobqueue.domain.wording import counted

_Queue = Annotated[Text, typer.Argument(metavar="QUEUE", show_default=False, help="The queue.")]
_All = Annotated[bool, typer.Option("--all", help="Every queue, also those to come.")]
_Worker = Annotated[
    Text, typer.Option(metavar="ID", help="One worker, as `jobqueue workers list` names it.")
]


@takes(*NEEDED, json=True)
def pause(
    cli: Cli,
    queue: _Queue = None,
    everything: _All = False,
    worker: _Worker = None,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; shown as long as the pause lasts.")
    ] = "",
) -> None:
    """Take no more jobs of a queue, of any queue, or on one worker, until `jobqueue resume`.

    Queues go on accepting jobs, and running jobs go on. Prints what is paused; what was paused
    already stays so, by whom and why it was, and that is printed. Exits 3 if no
    living worker has this id, 1 if it does not confirm within 10 seconds, 5 if Redis can't be
    reached: then repeat it, since some partitions may be paused.
    """
    app = JobQueue(settings=cli.settings)
    if _one(queue, everything, worker) == "worker":
        before = app.pause_worker_sync(str(worker), reason=reason)
    elif everything:
        before = app.pause_all_sync(reason=reason)
    else:
        before = app.pause_sync(str(queue), reason=reason)
        new_queue(app, str(queue))
    what = _what(queue, worker)
    text = f"{what} paused" if before is None else f"{what} was paused already, {_by(before)}"
    did = "paused" if before is None else None
    cli.emit({"queue": queue, "worker": worker, "did": did, "paused_before": before}, text)


@takes(*NEEDED, json=True)
def resume(
    cli: Cli,
    queue: _Queue = None,
    everything: _All = False,
    worker: _Worker = None,
    reason: Reason = "",
) -> None:
    """End a pause of a queue, of everything, or of one worker.

    Each pause ends by itself: a queue that was paused before everything was stays so. Prints what
    goes on, or that it was not paused. Exits 3 if no living worker has this id, 4 if that is
    quiet, 1 if it does not confirm within 10 seconds, 5 if Redis can't be reached: then repeat it.
    """
    app = JobQueue(settings=cli.settings)
    if _one(queue, everything, worker) == "worker":
        there = app.resume_worker_sync(str(worker), reason=reason)
    elif everything:
        there = app.resume_all_sync(reason=reason)
    else:
        there = app.resume_sync(str(queue), reason=reason)
    _still(app.pauses_sync(), queue, everything)
    did = "resumed" if there else None
    done = "resumed" if there else "was not paused; nothing was done"
    what = {"queue": queue, "worker": worker, "did": did, "was_paused": there}
    cli.emit(what, f"{_what(queue, worker)} {done}")


@takes(*NEEDED, json=True)
def quiet(
    cli: Cli,
    worker: Annotated[
        str, typer.Argument(metavar="ID", help="A worker, as `jobqueue workers list` names it.")
    ],
    reason: Reason = "",
) -> None:
    """Let a worker take no more jobs at all, as SIGTSTP does; running jobs go on.

    Nothing but a restart ends that. Prints what it did. Exits 3 if no living worker has this id, 1
    if it does not confirm within 10 seconds, 5 if Redis can't be reached.
    """
    JobQueue(settings=cli.settings).quiet_worker_sync(worker, reason=reason)
    done = {"queue": None, "worker": worker, "did": "quiet"}
    cli.emit(done, f"{_what(None, worker)} is quiet: it takes no more jobs until it is restarted")


@takes("redis_url", "prefix", json=True)
def pauses(cli: Cli) -> None:
    """List what is paused: since when, by whom and why.

    Prints a table of queues and one of workers. Exits 5 if Redis can't be reached.
    """
    app = JobQueue(settings=cli.settings)
    found, living = app.pauses_sync(), app.living_sync("worker")
    workers = [each for each in living if each.get("paused") or each.get("quiet")]
    queues = table(("QUEUE", "SINCE", "BY", "REASON"), map(_row, found))
    parts = [queues] if found or not workers else []
    if workers:
        rows = [(each["id"], *_stopped(each)) for each in workers]
        parts.append(table(("WORKER", "SINCE", "BY", "REASON"), rows))
    shown = [
        {"worker": each["id"], "paused": each.get("paused"), "quiet": each.get("quiet")}
        for each in workers
    ]
    cli.emit({"queues": found, "workers": shown}, "\n\n".join(parts))


@takes(*NEEDED, json=True)
def purge(
    cli: Cli,
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="The queue.")],
    priority: Annotated[
        Text, typer.Option(metavar="LEVEL", help="Only critical, high, normal or low jobs.")
    ] = None,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why, for the history and the operator log.")
    ] = "",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """End all jobs that wait in a queue, scheduled ones too; running jobs go on.

    Each leaves a row in the history. Asks before it does. Prints how many. Exits 5 if Redis
    can't be reached: repeat it then for those that are left.
    """
    app = JobQueue(settings=cli.settings)

    def end(*, dry_run: bool) -> int:
        return app.purge_sync(queue, priority=priority, reason=reason, dry_run=dry_run)  # type: ignore[arg-type]

    if not dry_run:
        confirm(lambda: f"Purge {counted(end(dry_run=True), 'waiting job')} of {queue}?", yes=yes)
    n = end(dry_run=dry_run)
    if not n:
        new_queue(app, queue)
    emit(cli, Swept(n), PURGE, dry_run=dry_run)


def _one(queue: Text, everything: bool, worker: Text) -> str:
    """Return which of the three was given; refuse none and several."""
    given = {"queue": queue is not None, "all": everything, "worker": worker is not None}
    [first, *others] = [name for name, there in given.items() if there] or ["", ""]
    if others:
        raise typer.BadParameter("give one of QUEUE, --all and --worker", param_hint="QUEUE")
    return first


def _what(queue: Text, worker: Text) -> str:
    if worker is not None:
        return f"worker {worker}"
    return "everything" if queue is None else f"queue {queue}"


def _by(pause: Pause) -> str:
    why = f": {pause.reason}" if pause.reason else ""
    return f"by {pause.operator} since {moment(pause.since)}{why}"


def _still(left: list[Pause], queue: Text, everything: bool) -> None:
    """Say what goes on to be paused, where somebody may think that it does not."""
    if everything and left:
        say(f"still paused: {', '.join(str(each.queue) for each in left)}")
    elif queue is not None and any(each.queue is None for each in left):
        say("everything is paused still: jobqueue resume --all")


def _row(pause: Pause) -> tuple[str | None, ...]:
    return (pause.queue or "(all)", moment(pause.since), pause.operator, pause.reason)


def _stopped(worker: Mapping[str, Any]) -> tuple[str | None, ...]:
    paused = pause_of_worker(worker)
    if paused is None:
        return (None, None, "quiet: takes no more jobs until it is restarted")
    return _row(paused)[1:]
