"""``jobqueue schedules``: what runs by the clock, and what became of it."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from jobqueue.app import JobQueue
from jobqueue.cli import timetables, values
from jobqueue.cli.confirm import confirm
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import say
from jobqueue.cli.flags import Most, Reason, Yes
from jobqueue.cli.hints import not_served
from jobqueue.cli.options import takes
from jobqueue.cli.output import moment
from jobqueue.cli.startup import any_app
from jobqueue.cli.values import Text
from jobqueue.domain.errors import ScheduleNotFound
from jobqueue.domain.plans import ScheduleView
from jobqueue.domain.timing import Timing

app = typer.Typer(
    name="schedules",
    no_args_is_help=True,
    help="Add schedules, look at them, pause, fire and remove them.",
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the schedule.")]
Outcome = StrEnum("Outcome", ["enqueued", "skipped"])
Dst = StrEnum("Dst", ["once", "every", "skip"])
Overlap = StrEnum("Overlap", ["allow", "skip", "cancel"])


@app.command()
@takes(
    *("redis_url", "database_url", "prefix", "app", "default_queue", "default_priority"),
    *("max_arguments", "operator"),
    json=True,
)
def add(  # noqa: PLR0913 - each is an option of the schedule
    cli: Cli,
    name: Name,
    job: Annotated[str, typer.Argument(metavar="JOB", help="Name of the job that it enqueues.")],
    *,
    cron: Annotated[
        Text, typer.Option(metavar="EXPRESSION", help="Five fields, or such as @daily.")
    ] = None,
    every: Annotated[Text, typer.Option(metavar="DURATION", help="Such as 90s or 2h.")] = None,
    at: Annotated[Text, typer.Option(metavar="TIME", help="Once, at this time.")] = None,
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="Zone of --cron, such as Europe/Berlin.")
    ] = "UTC",
    dst: Annotated[
        Dst, typer.Option(help="What to do at wall times that come twice or never.")
    ] = Dst.once,
    seconds: Annotated[
        bool, typer.Option("--seconds", help="--cron has six fields, the seconds in front.")
    ] = False,
    anchor: Annotated[
        Text, typer.Option(metavar="TIME", help="A time on the grid of --every.")
    ] = None,
    args: Annotated[
        Text, typer.Option(metavar="JSON|@FILE|-", help="Arguments: an object, or a list.")
    ] = None,
    queue: Annotated[Text, typer.Option(metavar="NAME", help="Queue of its jobs.")] = None,
    priority: Annotated[
        Text, typer.Option(metavar="LEVEL", help="critical, high, normal or low.")
    ] = None,
    lock: Annotated[Text, typer.Option(metavar="KEY", help="Lock key of its jobs.")] = None,
    misfire: Annotated[
        str,
        typer.Option(
            metavar="skip|one|all(N)", help="Which of several missed occurrences are enqueued."
        ),
    ] = "one",
    overlap: Annotated[
        Overlap,
        typer.Option(
            help="While its last job has not ended: allow another, skip this one, or cancel "
            "that job."
        ),
    ] = Overlap.allow,
    jitter: Annotated[
        Text, typer.Option(metavar="DURATION", help="Delay each occurrence by up to this.")
    ] = None,
    start: Annotated[
        Text, typer.Option(metavar="TIME", help="First moment at which it may fire.")
    ] = None,
    end: Annotated[
        Text, typer.Option(metavar="TIME", help="From this moment on it no longer fires.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Change the one of this name, if there is one.")
    ] = False,
    reason: Reason = "",
) -> None:
    """Store a schedule; running schedulers fire it from now on, within about a second.

    Give one of --cron, --every and --at. The handler's own queue and options are known only
    with --app. Prints the next occurrence, and on stderr that no live worker serves its queue or
    knows the job, if that is so. Exits 2 if a value is wrong, 4 if there is one of
    this name or the job has an interval already, 5 if a server can't be reached.
    """
    timing = Timing(
        cron=cron,
        every=values.seconds("--every", every),
        at=values.moment("--at", at),
        timezone=timezone,
        dst=dst.value,
        seconds=seconds,
        anchor=values.moment("--anchor", anchor),
        start=values.moment("--start", start),
        end=values.moment("--end", end),
        misfire=misfire,
        overlap=overlap.value,
        jitter=values.seconds("--jitter", jitter) or 0.0,
    )
    jobs = any_app(cli)
    options: dict[str, Any] = {"queue": queue, "priority": priority, "lock": lock}
    call = jobs.ref(job).options(**{key: value for key, value in options.items() if value})
    positional, named = ([], {}) if args is None else values.arguments(args)
    arguments = {**named, **({"*": positional} if positional else {})}
    jobs.add_schedule_sync(name, call, timing, arguments=arguments, replace=replace, reason=reason)
    following = timing.normal().rule().next_after(datetime.now(UTC))
    due = f"next at {moment(following)}" if following else "never due"
    if (stored := _stored(jobs, name)) is not None:
        due = due if stored.paused_at is None else "it is paused still"
        not_served(jobs, job, stored.queue)
    people = f"schedule {name} stored; {due}"
    cli.emit({"schedule": name, "next_at": following}, people)


@app.command("list")
@takes("database_url", json=True)
def show_all(cli: Cli) -> None:
    """List schedules: stored ones, and those in code that a scheduler has run.

    Prints a table. Exits 5 if PostgreSQL can't be reached.
    """
    found = JobQueue(settings=cli.settings).schedules_sync()
    cli.emit(found, timetables.listed(found))


@app.command()
@takes("database_url", json=True)
def show(cli: Cli, name: Name) -> None:
    """Show a schedule with all that holds for it, and its last occurrences.

    Prints a line for each. Exits 3 if there is none of this name, 5 if PostgreSQL can't be
    reached.
    """
    jobs = JobQueue(settings=cli.settings)
    if (found := _stored(jobs, name)) is None:
        raise ScheduleNotFound(name)
    past = jobs.schedule_ledger_sync(name, limit=5)
    cli.emit({"schedule": found, "occurrences": past}, timetables.page(found, past))


@app.command("next")
@takes("database_url", json=True)
def next_(
    cli: Cli,
    name: Name,
    n: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 10,
    after: Annotated[
        Text, typer.Option(metavar="TIME", help="From this time on; else from now.")
    ] = None,
) -> None:
    """Show the next occurrences of a schedule, and what clock changes do to them.

    Prints a table: the time in UTC, the wall clock of the schedule's zone, and a note where
    clocks go forward or back. Times that are left out are shown without a time in UTC.
    Exits 3 if there is none of this name, 5 if PostgreSQL can't be reached.
    """
    jobs = JobQueue(settings=cli.settings)
    found = jobs.next_occurrences_sync(name, n, after=values.moment("--after", after))
    stored = _stored(jobs, name)
    if stored is not None and stored.paused_at is not None:
        say(f"schedule {name} is paused: these are skipped until it is resumed")
    cli.emit(found, timetables.upcoming(found))


@app.command()
@takes("database_url", "operator", json=True)
def pause(cli: Cli, name: Name, reason: Reason = "") -> None:
    """Skip the occurrences of a schedule, stored or in code, until it is resumed.

    Each leaves a row in the ledger. Prints what it did; one that was paused already stays so, by
    whom and why it was, and that is printed. Exits 3 if there is none of this name, 5 if
    PostgreSQL can't be reached.
    """
    before = JobQueue(settings=cli.settings).pause_schedule_sync(name, reason=reason)
    if before is None:
        done = {"schedule": name, "did": "paused", "paused_before": None}
        cli.emit(done, f"schedule {name} paused")
        return
    by, since, why = before.paused_by, before.paused_at, before.pause_reason
    first = {"operator": by, "since": since, "reason": why}
    because = f": {why}" if why else ""
    text = f"schedule {name} was paused already, by {by} since {moment(since)}{because}"
    cli.emit({"schedule": name, "did": None, "paused_before": first}, text)


@app.command()
@takes("redis_url", "database_url", "prefix", "operator", json=True)
def resume(cli: Cli, name: Name, reason: Reason = "") -> None:
    """Let a paused schedule fire again; what was skipped stays so.

    Prints what it did, or that it was not paused. Exits 3 if there is none of this name, 5 if
    PostgreSQL can't be reached.
    """
    there = JobQueue(settings=cli.settings).resume_schedule_sync(name, reason=reason)
    did = {"schedule": name, "did": "resumed" if there else None, "was_paused": there}
    done = "resumed" if there else "was not paused; nothing was done"
    cli.emit(did, f"schedule {name} {done}")


@app.command()
@takes("redis_url", "database_url", "prefix", "operator", json=True)
def trigger(cli: Cli, name: Name, reason: Reason = "") -> None:
    """Enqueue a job of a schedule now, also of one that is paused; its occurrences stay.

    Prints the job's id, and on stderr what it did. Exits 3 if there is none of this name, 4 if
    another job has the unique key of its jobs, 5 if a server can't be reached.
    """
    job_id = JobQueue(settings=cli.settings).trigger_schedule_sync(name, reason=reason)
    cli.emit({"schedule": name, "job_id": job_id}, job_id)
    if not cli.json:
        say(f"schedule {name} fired by hand: its job is enqueued, under the id above")


@app.command()
@takes("redis_url", "database_url", "prefix", "operator", json=True)
def remove(
    cli: Cli,
    name: Annotated[
        Text,
        typer.Argument(
            metavar="NAME", show_default=False, help="The schedule; with --lock also a job."
        ),
    ] = None,
    *,
    lock: Annotated[
        Text, typer.Option(metavar="KEY", help="All whose jobs have this lock key.")
    ] = None,
    reason: Reason = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the names, and change nothing.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Remove a stored schedule, or all of a lock key; jobs that were enqueued stay.

    Asks before it does. Prints a line for each. Exits 3 if there is none, 4 if it is in code
    that runs, 5 if PostgreSQL can't be reached.
    """
    if name is None and lock is None:
        raise typer.BadParameter("give the name of a schedule, or --lock", param_hint="NAME")
    jobs = JobQueue(settings=cli.settings)

    def fit() -> list[str]:
        return jobs.remove_schedules_sync(name, lock=lock, dry_run=True)

    if dry_run:
        found = fit()
    else:
        confirm(lambda: f"Remove schedule {', '.join(fit())}?", yes=yes)
        found = jobs.remove_schedules_sync(name, lock=lock, reason=reason)
    done = "dry run: schedule {} would be removed" if dry_run else "schedule {} removed"
    cli.emit({"removed": found, "dry_run": dry_run}, "\n".join(map(done.format, found)))


@app.command()
@takes("database_url", json=True)
def audit(
    cli: Cli,
    name: Annotated[
        Text, typer.Argument(metavar="NAME", show_default=False, help="Only this schedule.")
    ] = None,
    *,
    outcome: Annotated[Outcome | None, typer.Option(help="Only these.")] = None,
    since: Annotated[
        Text, typer.Option(metavar="TIME", help=f"Only since then: {values.AGO}.")
    ] = None,
    limit: Most = 50,
) -> None:
    """Show what became of occurrences, the latest first: enqueued, how late, or skipped and why.

    Prints a table. The view v_schedule_ledger has the same. Exits 3 if there never was one of
    this name, 5 if PostgreSQL can't be reached.
    """
    jobs = JobQueue(settings=cli.settings)
    found = jobs.schedule_ledger_sync(
        name, outcome=outcome and outcome.value, since=values.ago("--since", since), limit=limit
    )
    if name is not None and not found:
        _known(jobs, name)
    cli.emit(found, timetables.ledger(found))


def _known(jobs: JobQueue, name: str) -> None:
    """Refuse a name that no schedule has, or had when it was last fired."""
    if _stored(jobs, name) is None and not jobs.schedule_ledger_sync(name, limit=1):
        raise ScheduleNotFound(name)


def _stored(jobs: JobQueue, name: str) -> ScheduleView | None:
    return next((each for each in jobs.schedules_sync() if each.name == name), None)
