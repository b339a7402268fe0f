"""``jobqueue enqueue``: send one job from a shell."""

from typing import Annotated, Any

import typer

from jobqueue.app import JobQueue
from jobqueue.cli import values
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import say
from jobqueue.cli.options import takes
from jobqueue.cli.values import Text
from jobqueue.client.handle import Status
from jobqueue.client.options import JobOptions

_TOLD = {
    Status.BLOCKED: "job {} has the lock; this one waits in line",
    Status.REPLACED: "job {} had the unique key and was cancelled",
    Status.DUPLICATE: "job {} was there already; nothing was stored",
}


@takes("redis_url", "prefix", "enqueue_timeout", "replicas", "replication_timeout", json=True)
def enqueue(  # noqa: PLR0913 - each is an option of the job
    cli: Cli,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The job's name.")],
    *,
    args: Annotated[
        str,
        typer.Option(
            metavar="JSON|@FILE|-",
            help="Arguments: an object by name, or a list by position; - reads stdin.",
        ),
    ] = "{}",
    queue: Annotated[
        Text, typer.Option(metavar="NAME", help="Queue; else the default one.")
    ] = None,
    priority: Annotated[
        Text, typer.Option(metavar="LEVEL", help="critical, high, normal or low.")
    ] = None,
    delay: Annotated[
        Text, typer.Option(metavar="DURATION", help="Run no sooner than this from now.")
    ] = None,
    run_at: Annotated[
        Text, typer.Option(metavar="TIME", help="Run no sooner; such as 2030-01-31T12:00:00Z.")
    ] = None,
    job_id: Annotated[Text, typer.Option(metavar="ID", help="An id of your own.")] = None,
    timeout: Annotated[
        Text, typer.Option(metavar="DURATION", help="Longest run of one attempt.")
    ] = None,
    retry: Annotated[
        int | None, typer.Option("--retries", metavar="NUMBER", help="Retries; else the handler's.")
    ] = None,
    result_ttl: Annotated[
        Text, typer.Option(metavar="DURATION", help="How long Redis keeps the result.")
    ] = None,
    deadline: Annotated[
        Text, typer.Option(metavar="DURATION|TIME", help="No attempt runs past this.")
    ] = None,
    expires: Annotated[
        Text, typer.Option(metavar="DURATION|TIME", help="Start until then, or never.")
    ] = None,
    lock: Annotated[
        Text, typer.Option(metavar="KEY", help="Never beside a job with this lock, in order.")
    ] = None,
    idempotency_key: Annotated[
        Text, typer.Option(metavar="KEY", help="One job, however often this is repeated.")
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TEXT", help="For people; repeat it.")
    ] = None,
    metadata: Annotated[
        Text, typer.Option(metavar="JSON|@FILE|-", help="For people: an object.")
    ] = None,
    durability: Annotated[
        Text,
        typer.Option(metavar="LEVEL", help="replicated or synced: wait until replicas have it."),
    ] = None,
) -> None:
    """Enqueue a job by its name; needs no app.

    The handler's own queue, priority and options are not known here: give --queue if it names
    one. Prints the job's id, and on stderr what became of it if it was not simply created.
    Exits 2 if something is wrong with the job, 4 if its id or key is taken or the queue is
    full, 5 if Redis can't be reached: nothing is stored then, unless the message says that
    it is not known. With --durability it exits 1 if the job is stored and replicas
    did not confirm it.
    """
    options: dict[str, Any] = {
        "queue": queue,
        "priority": priority,
        "delay": values.seconds("--delay", delay),
        "run_at": values.moment("--run-at", run_at),
        "job_id": job_id,
        "timeout": values.seconds("--timeout", timeout),
        "retry": retry,
        "result_ttl": values.seconds("--result-ttl", result_ttl),
        "deadline": values.until("--deadline", deadline),
        "expires": values.until("--expires", expires),
        "lock": lock,
        "idempotency_key": idempotency_key,
        "tags": tags,
        "metadata": None if metadata is None else values.json("--metadata", metadata),
        "durability": durability,
    }
    given: JobOptions = {k: v for k, v in options.items() if v is not None}  # type: ignore[assignment]
    positional, named = values.arguments(args)
    with JobQueue(settings=cli.settings) as app:
        job = app.ref(name).options(**given).enqueue_sync(*positional, **named)
    answer = {"id": job.id, "queue": job.queue, "status": job.status, "other": job.other}
    cli.emit(answer, job.id)
    if job.status in _TOLD and not cli.json:
        say(f"{job.status}: {_TOLD[job.status].format(job.other)}")
