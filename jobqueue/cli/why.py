"""``jobqueue why``: what holds a job, in a sentence, and the command that helps."""

from jobqueue.app import JobQueue
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import say
from jobqueue.cli.flags import ItsQueue, JobId
from jobqueue.cli.jobs import end_partly
from jobqueue.cli.options import takes
from jobqueue.cli.output import cell
from jobqueue.cli.watching import Every, Shown, Watch, show
from jobqueue.domain.why import Reason, Why


@takes("redis_url", "database_url", "prefix", "journal_limit", json=True)
def why(
    cli: Cli,
    job_id: JobId,
    queue: ItsQueue = None,
    watch: Watch = False,
    every: Every = "2s",
) -> None:
    """Say why a job does not run: what it waits for, who runs it, or how it ended.

    Prints what holds it now, a line for each thing that will hold it after that, and a command
    for each. Exits 3 if there is no such job, 2 if several queues have one, 5 if a server
    can't be reached; how a job ended is told without Redis too.
    """
    app = JobQueue(settings=cli.settings)

    partly: list[str] = []

    def look() -> Shown:
        found = app.why_sync(job_id, queue=queue)
        partly[:] = [] if found.redis_problem is None else [found.redis_problem]
        for problem in partly:
            say(f"Redis is away, so a later run of it is not shown: {problem}")
        return found, "\n".join(_lines(found))

    show(cli, look, watch=watch, every=every)
    end_partly(partly)


def _lines(found: Why) -> list[str]:
    first, *others = found.reasons
    lines = [f"{found.state or 'unknown'}: {cell(first.text)}", *_try(first)]
    for each in others:
        lines += [f"also: {cell(each.text)}", *_try(each)]
    return lines


def _try(reason: Reason) -> list[str]:
    return [] if reason.command is None else [f"  {cell(reason.command)}"]
