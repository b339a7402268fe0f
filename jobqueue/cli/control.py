"""Commands of ``jobqueue jobs`` that change jobs: cancel, delete, priority, run-now, reenqueue."""

from collections.abc import Mapping
from typing import Annotated

import typer

from jobqueue.app import JobQueue
from jobqueue.cli import jobs, values
from jobqueue.cli.confirm import confirm
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import say
from jobqueue.cli.flags import DryRun, ItsQueue, JobId, Reason, Yes
from jobqueue.cli.options import takes
from jobqueue.cli.values import Text
from jobqueue.domain.jobs import State
from jobqueue.domain.operations import Swept
from jobqueue.domain.wording import counted

app = jobs.app

Done = tuple[str, str]  # what becomes of jobs that wait, and of those that run
CANCEL: Done = ("cancelled", "asked to stop")
PURGE: Done = ("purged", "")
NEEDED = ("redis_url", "database_url", "prefix", "operator")


@app.command()
@takes(*NEEDED, json=True)
def cancel(  # noqa: PLR0913 - each says which jobs, or how
    cli: Cli,
    job_id: Annotated[
        Text, typer.Argument(metavar="ID", show_default=False, help="The job's id.")
    ] = None,
    *,
    queue: Annotated[
        Text, typer.Option(metavar="NAME", help="Its queue; without ID all jobs of this queue.")
    ] = None,
    name: Annotated[
        Text, typer.Option(metavar="NAME", help="Without ID: all jobs of this name.")
    ] = None,
    tag: Annotated[
        Text, typer.Option(metavar="TAG", help="Without ID: all jobs with this tag.")
    ] = None,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why, for the history and the operator log.")
    ] = "",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Cancel a job, or all that fit: one that waits never runs, one that runs is told.

    Asks before it cancels all that fit. Prints what it did, or how many were
    cancelled and how many were asked to stop. Exits 3 if there is no such job, 4 if it has ended,
    2 if several queues have one, 5 if a server can't be reached: repeat it then for those that
    are left.
    """
    queues = JobQueue(settings=cli.settings)
    if job_id is not None:
        _refuse_with_id({"--name": name, "--tag": tag, "--dry-run": dry_run})
        state = queues.cancel_sync(job_id, queue=queue, reason=reason)
        if state is State.RUNNING:
            _tell(cli, job_id, "asked to stop", "; it runs until its worker has ended it", state)
        else:
            _tell(cli, job_id, "cancelled", f"; it was {state}", state)
        return
    if not (queue or name or tag):
        problem = "give an id, or --queue, --name or --tag"
        raise typer.BadParameter(problem, param_hint="ID")

    def count() -> Swept:
        return queues.cancel_all_sync(queue=queue, name=name, tag=tag, dry_run=True)

    if dry_run:
        emit(cli, count(), CANCEL, dry_run=True)
        return
    confirm(lambda: _question(count()), yes=yes)
    done = queues.cancel_all_sync(queue=queue, name=name, tag=tag, reason=reason)
    emit(cli, done, CANCEL, dry_run=False)


@app.command()
@takes(*NEEDED, json=True)
def delete(
    cli: Cli, job_id: JobId, queue: ItsQueue = None, reason: Reason = "", yes: Yes = False
) -> None:
    """Delete a job: one that waits never runs, of one that has ended the result goes.

    The history keeps its rows. Asks before it does. Prints what it did. Exits 3 if
    there is no such job, 4 if it is running, 2 if several queues have one, 5 if a server
    can't be reached.
    """
    confirm(lambda: f"Delete job {job_id}?", yes=yes)
    state = JobQueue(settings=cli.settings).delete_sync(job_id, queue=queue, reason=reason)
    ended = f": it had ended ({state}), and the history keeps its rows"
    _tell(cli, job_id, "deleted", ended if state.terminal else f"; it was {state}", state)


@app.command()
@takes(*NEEDED, json=True)
def priority(
    cli: Cli,
    job_id: JobId,
    level: Annotated[str, typer.Argument(metavar="LEVEL", help="critical, high, normal or low.")],
    queue: ItsQueue = None,
    reason: Reason = "",
) -> None:
    """Give a job that waits another priority; among those of the new one it comes last.

    Prints what it did. Exits 3 if there is no such job, 4 if it runs or has
    ended, 2 if several queues have one, 5 if a server can't be reached.
    """
    queues = JobQueue(settings=cli.settings)
    state = queues.set_priority_sync(job_id, level, queue=queue, reason=reason)  # type: ignore[arg-type]
    done = {"id": job_id, "did": "prioritised", "state": state.value, "priority": level}
    cli.emit(done, f"job {job_id} has priority {level} now; it is {state}")


@app.command("run-now")
@takes(*NEEDED, json=True)
def run_now(cli: Cli, job_id: JobId, queue: ItsQueue = None, reason: Reason = "") -> None:
    """Make a job ready now that is scheduled for later, or waits for its next attempt.

    Locks and limits hold for it as ever. Prints what it did. Exits 3 if there is no
    such job, 4 if it is neither scheduled nor retrying, 2 if several queues have one, 5 if a
    server can't be reached.
    """
    state = JobQueue(settings=cli.settings).run_now_sync(job_id, queue=queue, reason=reason)
    _tell(cli, job_id, "made due", f" now; it was {state}", state)


@app.command()
@takes(*NEEDED, "enqueue_timeout", json=True)
def reenqueue(
    cli: Cli,
    job_id: JobId,
    queue: ItsQueue = None,
    delay: Annotated[
        Text, typer.Option(metavar="DURATION", help="Run no sooner than this from now.")
    ] = None,
    reason: Reason = "",
) -> None:
    """Enqueue a job that has ended once more, as a new one with an id of its own.

    It gets the name, arguments, queue, priority, tags and metadata of the first one; all else is
    the handler's, and locks, unique and idempotency keys are not taken over. Prints the new id,
    and on stderr what it did. Exits 3 if there is no such job, 4 if it has not ended or is dead
    (see `jobqueue dlq retry`), 2 if some arguments are hidden or several queues have one, 5 if a
    server can't be reached.
    """
    seconds = values.seconds("--delay", delay)
    with JobQueue(settings=cli.settings) as queues:
        job = queues.reenqueue_sync(job_id, queue=queue, delay=seconds, reason=reason)
    cli.emit({"id": job.id, "queue": job.queue, "of": job_id}, job.id)
    if not cli.json:
        say(f"job {job_id} enqueued once more in queue {job.queue}, under the id above")


def _tell(cli: Cli, job_id: str, did: str, more: str, before: State) -> None:
    """Print what was done to a job, and in JSON the state in which it was before."""
    shown = {"id": job_id, "did": did, "state_before": before.value}
    cli.emit(shown, f"job {job_id} {did}{more}")


def _refuse_with_id(options: Mapping[str, object]) -> None:
    """Refuse what chooses among many jobs, or counts them, where one is named."""
    given = [option for option, value in options.items() if value]
    if given:
        problem = "it is for all jobs that fit, and ID names one: leave out one of the two"
        raise typer.BadParameter(problem, param_hint=given[0])


def emit(cli: Cli, found: Swept, done: Done, *, dry_run: bool) -> None:
    """Print what was done to how many jobs, or what a dry run has found to be done."""
    would = " would be" if dry_run else ""
    text = f"{counted(found.waiting, 'waiting job')}{would} {done[0]}"
    if done[1]:
        text += f", {counted(found.running, 'running job')}{would} {done[1]}"
    shown = {"waiting": found.waiting, "running": found.running, "dry_run": dry_run}
    cli.emit(shown, f"dry run: {text}" if dry_run else text)


def _question(found: Swept) -> str:
    waiting, running = counted(found.waiting, "waiting job"), counted(found.running, "running job")
    return f"Cancel {waiting} and ask {running} to stop?"
