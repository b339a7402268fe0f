"""``jobqueue dlq``: jobs that failed for good, and how to run them again."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from jobqueue._interrupt import INTERRUPTED
from jobqueue.app import JobQueue
from jobqueue.cli import letters, values
from jobqueue.cli.confirm import confirm
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import FAILURE, exit_code, say
from jobqueue.cli.flags import DryRun, Most, OfName, OfQueue, Reason, WithTag, Yes
from jobqueue.cli.options import takes
from jobqueue.cli.values import Text
from jobqueue.domain.arguments import STAR
from jobqueue.domain.letters import Canary, Deleted, LetterFilter
from jobqueue.domain.limits import Rate
from jobqueue.domain.views import Retried

app = typer.Typer(
    name="dlq",
    no_args_is_help=True,
    help="List dead letters, retry them, delete them.",
    rich_markup_mode=None,
)

_IDS = "Ids of jobs or of letters."

Error = Annotated[
    Text, typer.Option(metavar="ERROR", help="Only this fingerprint, or this type of exception.")
]
Since = Annotated[
    Text, typer.Option(metavar="TIME", help=f"Only those that died since: {values.AGO}.")
]
Until = Annotated[
    Text, typer.Option(metavar="TIME", help=f"Only those that died before: {values.AGO}.")
]
By = StrEnum("By", ["error"])


@app.command("list")
@takes("database_url", json=True)
def show_all(  # noqa: PLR0913 - each narrows the list
    cli: Cli,
    *,
    queue: OfQueue = None,
    name: OfName = None,
    error: Error = None,
    tag: WithTag = None,
    since: Since = None,
    until: Until = None,
    by: Annotated[By | None, typer.Option(help="One line for each error, not each job.")] = None,
    limit: Most = 50,
    after: Annotated[
        Text,
        typer.Option(metavar="LETTER", help="Go on where the page before has ended."),
    ] = None,
    before: Annotated[Text, typer.Option(metavar="LETTER", hidden=True)] = None,
) -> None:
    """List the jobs that failed for good and were not put back, what died last first.

    Prints a table; with --json also arguments and tracebacks. With --by error: how many of
    each, the most frequent first. Exits 5 if PostgreSQL can't be reached.
    """
    where = _where(queue, name, error, tag, since, until)
    jobs = JobQueue(settings=cli.settings)
    mark = after or before  # --before is its older name
    if by is not None:
        if mark is not None:
            raise typer.BadParameter("only a list has pages", param_hint="--after")
        groups = jobs.dead_letter_groups_sync(limit=limit, **where)
        cli.emit(groups, letters.grouped(groups))
        return
    found = jobs.dead_letters_sync(before=mark, limit=limit, **where)
    cli.emit([letters.letter_for_programs(each) for each in found], letters.listed(found))
    if len(found) == limit and not cli.json:
        typer.echo(f"more: the same with --after {found[-1].execution_id}", err=True)


@app.command()
@takes("database_url", json=True)
def show(
    cli: Cli,
    letter: Annotated[str, typer.Argument(metavar="ID", help="Id of a job or of a letter.")],
) -> None:
    """Show a dead letter with arguments and traceback, closed ones too.

    Prints the newest letter of a job and the others as a table. Exits 3 if there never
    was one, 5 if PostgreSQL can't be reached.
    """
    found = JobQueue(settings=cli.settings).find_dead_letters_sync(letter)
    cli.emit([letters.letter_for_programs(each) for each in found], letters.page(found))


@app.command()
@takes(
    *("redis_url", "database_url", "prefix", "enqueue_timeout", "max_arguments", "operator"),
    json=True,
)
def retry(  # noqa: PLR0913 - each says which jobs, or how
    cli: Cli,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", show_default=False, help=_IDS)
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Retry all that are listed.")] = False,
    queue: OfQueue = None,
    name: OfName = None,
    error: Error = None,
    tag: WithTag = None,
    since: Since = None,
    until: Until = None,
    rate: Annotated[
        Text, typer.Option(metavar="N/TIME", help="How fast, such as 50/s or 100/1m.")
    ] = None,
    canary: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Put so many back first, and look.")
    ] = None,
    stop_if_failing: Annotated[
        str, typer.Option(metavar="SHARE", help="Share of the canary that stops the rest.")
    ] = "10%",
    canary_timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long to wait for the canary.")
    ] = "10m",
    args: Annotated[
        Text, typer.Option(metavar="JSON|@FILE|-", help="Other arguments, for one letter.")
    ] = None,
    reason: Reason = "",
    dry_run: DryRun = False,
) -> None:
    """Put dead letters back on their queue, with all their attempts again.

    Prints one job id per line. Exits 3 if one is unknown, 4 if one waits or runs already or
    another has its unique key, after the others went back; 1 if the canary stopped the rest;
    5 if a server can't be reached: the same call again then makes no job twice.
    """
    where = _where(queue, name, error, tag, since, until)
    if bool(ids) == (everything or bool(where)):
        problem = "give ids or filters, not both" if ids else "give ids, --all or a filter"
        raise typer.BadParameter(problem, param_hint="ID")
    for_many = {"--rate": rate, "--canary": canary, "--dry-run": dry_run}
    if ids and (wrong := [option for option, given in for_many.items() if given]):
        problem = "only with --all and filters"
        raise typer.BadParameter(problem, param_hint=", ".join(wrong))
    if args is not None and not ids:
        raise typer.BadParameter("give the id of one letter", param_hint="--args")
    pace = None if rate is None else values.rate(rate, "--rate")
    bird = _canary(canary, stop_if_failing, canary_timeout)
    arguments = None if args is None else _arguments(args)
    jobs = JobQueue(settings=cli.settings)
    if dry_run:
        _count(cli, jobs, where, "would be put back")
    elif ids:
        _finish(cli, jobs.retry_dead_letters_sync(ids, arguments=arguments, reason=reason))
    else:
        _retry_all(cli, jobs, where, pace, bird, reason)


@app.command()
@takes("database_url", "operator", json=True)
def delete(
    cli: Cli,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help=_IDS)],
    reason: Reason = "",
    yes: Yes = False,
) -> None:
    """Delete dead letters: their jobs can't be put back any more.

    The history keeps their attempts. Asks before it does. Prints one job id per line. Exits 3
    if one is unknown, after the others are gone; 5 if PostgreSQL can't be reached.
    """
    confirm(lambda: f"Delete {_letters(len(ids))}?", yes=yes)
    _finish(cli, JobQueue(settings=cli.settings).delete_dead_letters_sync(ids, reason=reason))


@app.command()
@takes("database_url", "operator", json=True)
def clear(  # noqa: PLR0913 - each narrows what is deleted
    cli: Cli,
    *,
    queue: OfQueue = None,
    name: OfName = None,
    error: Error = None,
    tag: WithTag = None,
    since: Since = None,
    until: Until = None,
    reason: Reason = "",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Delete all dead letters, or those of a filter.

    The history keeps their attempts. Asks before it does. Prints how many. Exits 5 if
    PostgreSQL can't be reached: nothing is deleted then.
    """
    where = _where(queue, name, error, tag, since, until)
    jobs = JobQueue(settings=cli.settings)
    if dry_run:
        _count(cli, jobs, where, "would be deleted")
        return
    some = "that fit" if where else "of all queues"
    confirm(lambda: f"Delete {_letters(jobs.count_dead_letters_sync(**where))} {some}?", yes=yes)
    n = jobs.clear_dead_letters_sync(reason=reason, **where)
    cli.emit({"letters": n, "dry_run": False}, f"{_letters(n)} deleted")


def _retry_all(
    cli: Cli,
    jobs: JobQueue,
    where: LetterFilter,
    rate: Rate | None,
    canary: Canary | None,
    reason: str,
) -> None:
    """Put letters back and tell of each as it goes on."""
    answers: list[Retried] = []

    def report(some: Sequence[Retried]) -> None:
        waited = _back(answers)
        answers.extend(some)
        _say(cli, some)
        if canary is not None and waited < canary.n <= _back(answers):
            say(f"canary: waiting for what {canary.n} jobs come to")

    try:
        done = jobs.retry_all_dead_letters_sync(
            rate=rate, canary=canary, reason=reason, report=report, **where
        )
    except KeyboardInterrupt:
        say(f"stopped: {_back(answers):,} put back; repeat the command for the others")
        _print(cli, answers)
        raise typer.Exit(INTERRUPTED) from None
    if not answers:
        say("no open dead letter fits" if where else "there is no open dead letter")
    if done.canary is not None:
        say(letters.told(done.canary))
    _end(cli, answers, stopped=done.canary is not None and done.canary.stopped)


def _back(answers: Sequence[Retried]) -> int:
    return sum(each.error is None for each in answers)


def _where(
    queue: Text, name: Text, error: Text, tag: Text, since: Text, until: Text
) -> LetterFilter:
    given: dict[str, Any] = {
        "queue": queue,
        "name": name,
        "error": error,
        "tag": tag,
        "since": values.ago("--since", since),
        "until": values.ago("--until", until),
    }
    return {key: value for key, value in given.items() if value is not None}  # type: ignore[return-value]


def _canary(n: int | None, stop_if_failing: str, timeout: str) -> Canary | None:
    limit = values.share(stop_if_failing, "--stop-if-failing")
    seconds = values.seconds("--canary-timeout", timeout)
    return None if n is None or seconds is None else Canary(n, limit, seconds)


def _arguments(text: str) -> dict[str, Any]:
    positional, named = values.arguments(text)
    return {STAR: positional} if positional else named


def _count(cli: Cli, jobs: JobQueue, where: LetterFilter, what: str) -> None:
    n = jobs.count_dead_letters_sync(**where)
    cli.emit({"letters": n, "dry_run": True}, f"dry run: {_letters(n)} {what}")


def _letters(n: int) -> str:
    return f"{n:,} dead letter{'s' * (n != 1)}"


def _finish(cli: Cli, answers: Sequence[Retried | Deleted]) -> None:
    _say(cli, answers)
    _end(cli, answers)


def _say(cli: Cli, answers: Sequence[Retried | Deleted]) -> None:
    for each in answers:
        if each.error is not None:
            say(str(each.error))
        elif not cli.json:
            typer.echo(each.job_id)


def _print(cli: Cli, answers: Sequence[Retried | Deleted]) -> None:
    """Print all answers for programs; people have seen them one by one."""
    if cli.json:
        cli.emit([letters.answer_for_programs(each) for each in answers], "")


def _end(cli: Cli, answers: Sequence[Retried | Deleted], *, stopped: bool = False) -> None:
    _print(cli, answers)
    errors = [each.error for each in answers if each.error is not None]
    if errors or stopped:
        raise typer.Exit(max([FAILURE * stopped, *map(exit_code, errors)]))
