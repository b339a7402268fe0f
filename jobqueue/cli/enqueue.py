"""``jobqueue enqueue``: send one job from a shell."""

import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from jobqueue.cli.context import Cli
from jobqueue.cli.errors import say
from jobqueue.cli.options import takes
from jobqueue.client.handle import Status
from jobqueue.client.options import JobOptions
from jobqueue.domain.errors import InvalidJob
from jobqueue.domain.suggest import shown

Text = str | None

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
    from jobqueue.app import JobQueue

    options: dict[str, Any] = {
        "queue": queue,
        "priority": priority,
        "delay": _seconds("delay", delay),
        "run_at": _moment("run_at", run_at),
        "job_id": job_id,
        "timeout": _seconds("timeout", timeout),
        "retry": retry,
        "result_ttl": _seconds("result_ttl", result_ttl),
        "deadline": _until("deadline", deadline),
        "expires": _until("expires", expires),
        "lock": lock,
        "idempotency_key": idempotency_key,
        "tags": tags,
        "metadata": None if metadata is None else _json("metadata", metadata),
        "durability": durability,
    }
    given: JobOptions = {k: v for k, v in options.items() if v is not None}  # type: ignore[assignment]
    positional, named = _arguments(args)
    with JobQueue(settings=cli.settings) as app:
        job = app.ref(name).options(**given).enqueue_sync(*positional, **named)
    answer = {"id": job.id, "queue": job.queue, "status": job.status, "other": job.other}
    cli.emit(answer, job.id)
    if job.status in _TOLD and not cli.json:
        say(f"{job.status}: {_TOLD[job.status].format(job.other)}")


def _seconds(option: str, value: Text) -> float | None:
    from jobqueue.domain import units

    try:
        return None if value is None else units.read_seconds(value)
    except ValueError as error:
        raise InvalidJob(option, str(error)) from None


def _until(option: str, value: Text) -> datetime | float | None:
    """Return a bound, given as a time or as a duration from now."""
    if value is not None and re.match(r"\d{4}-", value):
        return _moment(option, value)
    return _seconds(option, value)


def _moment(option: str, value: Text) -> datetime | None:
    try:
        moment = None if value is None else datetime.fromisoformat(value)
    except ValueError:
        problem = f"{shown(value)} is no time; write such as 2030-01-31T12:00:00Z"
        raise InvalidJob(option, problem) from None
    if moment is not None and moment.utcoffset() is None:
        raise InvalidJob(
            option, f"{shown(value)} has no time zone; end it with Z or such as +01:00"
        )
    return moment


def _arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and named arguments."""
    value = _json("args", text)
    if isinstance(value, dict):
        return [], value
    if isinstance(value, list):
        return value, {}
    raise InvalidJob("args", "write an object of named arguments or a list of positional ones")


def _json(option: str, text: str) -> Any:
    import msgspec

    from jobqueue.domain import codec

    try:
        raw = _read(option, text)
        value = msgspec.json.decode(raw)
        codec.refuse_doubles(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJob(option, f"this is no JSON: {error}") from None
    except codec.NotJson as error:
        raise InvalidJob(option, str(error)) from None
    return value


def _read(option: str, text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode("utf-8", "surrogateescape")
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise InvalidJob(option, f"{text[1:]} can't be read: {error.strerror}") from None
