"""``jobqueue check``: whether this code could run, also the jobs that are stored already."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from jobqueue.app import JobQueue
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import FAILURE, UNREACHABLE, say
from jobqueue.cli.flags import AppPath
from jobqueue.cli.options import takes
from jobqueue.cli.output import cell, table
from jobqueue.cli.startup import own_app
from jobqueue.domain.binding import PLACES, LiveCheck, Misfit
from jobqueue.domain.wording import counted


@takes("redis_url", "database_url", "prefix", "app", json=True)
def check(
    cli: Cli,
    path: AppPath = None,
    live: Annotated[
        bool, typer.Option("--live", help="Also bind every stored job to this code.")
    ] = False,
    queue: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", show_default=False, help="With --live, only this queue's."),
    ] = None,
) -> None:
    """Check that an app can run; with --live, that it can run the jobs that are stored.

    Run it with the new code before a deployment. Without --live no server is asked: names
    declared twice, wrong options, handlers that a child can't import, schedules that are never
    due. With it every waiting, scheduled and dead job is bound to the handlers, a page at a time.
    Prints how many were looked at, and those that do not fit: removed names, renamed or narrowed
    arguments, with examples. Exits 1 if something is wrong, 2 if the app does not load, 5 if a
    server can't be reached.
    """
    if queue and not live:
        raise typer.BadParameter("only --live looks into queues", param_hint="--queue")
    app = own_app(cli.plus({"app": path}))
    problems = app.check()
    found = app.check_live_sync(queues=queue or None) if live else None
    cli.emit(_for_programs(app, problems, found), "\n\n".join(_people(app, problems, found)))
    if problems or (found and not found.ok):
        raise typer.Exit(FAILURE)
    if found and found.not_examined and app.settings.database_url:
        say(f"dead jobs were not looked at: {found.not_examined}")
        raise typer.Exit(UNREACHABLE)


def _people(app: JobQueue, problems: Sequence[str], found: LiveCheck | None) -> Iterator[str]:
    yield f"{counted(len(app.jobs), 'job')} declared, {counted(len(problems), 'problem')}"
    if problems:
        yield "\n".join(f"error  {cell(each)}" for each in problems)
    if found is None:
        return
    looked = ", ".join(f"{found.examined[place]} {place}" for place in PLACES)
    missing = f"; dead ones of the history not: {found.not_examined}" if found.not_examined else ""
    yield f"stored jobs looked at: {looked}{cell(missing)}"
    if found.misfits:
        yield table(("NAME", "PROBLEM", *(place.upper() for place in PLACES)), _rows(found))
        yield "\n".join(line for each in found.misfits for line in _examples(each))


def _rows(found: LiveCheck) -> list[tuple[Any, ...]]:
    return [
        (each.name, _WORDS[each.kind], *(each.jobs.get(place, 0) for place in PLACES))
        for each in found.misfits
    ]


_WORDS = {
    "unknown_name": "no such job",
    "arguments": "arguments do not fit",
    "unreadable": "cannot be read",
}


def _examples(misfit: Misfit) -> Iterator[str]:
    hint = f"; did you mean {misfit.did_you_mean!r}?" if misfit.did_you_mean else ""
    for each in misfit.examples:
        yield f"{each.id} ({each.place}, queue {each.queue}): {cell(each.problem)}{hint}"


def _for_programs(
    app: JobQueue, problems: Sequence[str], found: LiveCheck | None
) -> dict[str, Any]:
    return {
        "ok": not problems and (found is None or found.ok),
        "jobs": sorted(app.jobs),
        "problems": problems,
        "live": found,
    }
