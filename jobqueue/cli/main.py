"""The ``jobqueue`` command: its commands, and the way out."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from jobqueue import __version__
from jobqueue.cli import (
    check,
    config,
    control,
    db,
    dev,
    dlq,
    docs,
    doctor,
    enqueue,
    health,
    limits,
    log,
    pausing,
    queues,
    regressions,
    scheduler,
    schedules,
    stats,
    top,
    version,
    why,
    worker,
    workers,
)
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import report_usage
from jobqueue.cli.options import takes

# Markup "none" keeps the help plain and its start fast: rich alone costs 0.1 s.
app = typer.Typer(
    name="jobqueue",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"jobqueue {__version__}")
        raise typer.Exit


@app.callback()
@takes("redis_url", "database_url", "prefix", "app", json=True)
def root(
    _cli: Cli,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Run and look after a job queue on Redis and PostgreSQL.

    Options given here hold for any command. Results go to stdout, logs and errors
    to stderr. Exits 0 ok, 1 failure, 2 usage, 3 not found, 4 conflict,
    5 backend unreachable. Manual: `jobqueue docs`.
    """


# A line of `jobqueue --help` each: it cuts what is longer than a line.
for command, summary in (
    (dev.dev, "Run an app on servers of its own, reloaded on change."),
    (worker.worker, "Run the jobs of an app."),
    (scheduler.scheduler, "Start due jobs, fire schedules, write the history."),
    (scheduler.recorder, "Write the history, and do nothing else."),
    (enqueue.enqueue, "Enqueue a job by its name."),
    (queues.queues, "Count the jobs of each queue, or of each name."),
    (why.why, "Say why a job does not run."),
    (stats.stats, "Sum up runs, failures, durations and waits."),
    (pausing.pause, "Stop taking jobs: of a queue, of all, on a worker."),
    (pausing.resume, "End a pause."),
    (pausing.quiet, "Let a worker take no more jobs until it is restarted."),
    (pausing.pauses, "List what is paused, by whom and why."),
    (pausing.purge, "End all jobs that wait in a queue."),
    (log.log, "Show who did what, when and why."),
    (regressions.regressions, "Say which jobs got slower or fail more often."),
    (top.top, "Show live queues, workers and jobs on a screen."),
    (check.check, "Check that this code can run, also the stored jobs."),
    (doctor.doctor, "Say what is wrong with an installation, and the fix."),
    (health.health, "Say whether the services of this host are well."),
    (config.config, "Show each setting and where its value came from."),
    (docs.docs, "List the pages of the manual, or print one."),
    (version.version, "Show versions, for bug reports."),
):
    app.command(short_help=summary)(command)
for group in (control.app, workers.app, dlq.app, schedules.app, limits.app, db.app):
    app.add_typer(group)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        arguments: What to run; ``None`` means the arguments of this process.
    """
    command = typer.main.get_command(app)
    try:
        code = command.main(arguments, prog_name="jobqueue", standalone_mode=False)
    except typer.TyperException as error:
        code = report_usage(error)
    sys.exit(code)
