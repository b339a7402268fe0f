"""``jobqueue worker``: runs jobs."""

import logging
import sys
from typing import Annotated

import typer

from jobqueue import logs
from jobqueue.app import JobQueue
from jobqueue.cli.context import Cli
from jobqueue.cli.options import takes
from jobqueue.cli.startup import own_app, refuse_windows
from jobqueue.settings import SETTINGS

log = logging.getLogger("jobqueue")

AppPath = Annotated[
    str | None,
    typer.Argument(metavar="MODULE:APP", show_default=False, help="Your JobQueue object."),
]


@takes(
    "redis_url",
    "prefix",
    "app",
    "queues",
    "concurrency",
    "queue_concurrency",
    "threads",
    "processes",
    "grace",
    "lease",
    "crash_budget",
    "retries",
    "default_timeout",
    "max_result",
    "max_traceback",
    "journal_limit",
    "code_version",
)
def worker(cli: Cli, path: AppPath = None) -> None:
    """Run the jobs of an app until a signal.

    SIGTERM or Ctrl-C stops fetching, waits for the running jobs as long as --grace and hands
    the others back at no cost; a second one hands back at once. Ctrl-Z (SIGTSTP) only stops
    fetching. Prints nothing; logs go to stderr. Exits 0 after a stop, 2 if the app does not
    load, 5 if Redis does not answer for 10 seconds.
    """
    refuse_windows("worker")
    cli = cli.plus({"app": path})
    if (processes := cli.settings.processes) > 1:
        from jobqueue.worker.supervisor import supervise

        raise typer.Exit(supervise(_command(cli), processes))
    _run(own_app(cli))


def _command(cli: Cli) -> list[str]:
    """Return the command of one of several processes: this call's, as one worker."""
    cli.settings.required("app")  # refused here, once, and not by each process
    written = [
        word for name, value in cli.overrides.items() for word in (SETTINGS[name].flag, value)
    ]
    config = ["--config", str(cli.config_file)] if cli.config_file else []
    program = [sys.executable, "-P", "-m", "jobqueue"]
    return [*program, "worker", *written, *config, "--processes", "1"]


def _run(app: JobQueue) -> None:
    from jobqueue.cli.process import serve
    from jobqueue.worker.supervisor import follow_supervisor
    from jobqueue.worker.worker import Worker

    if not app.jobs:
        log.warning("the app declares no jobs; import the modules that do where it is made")

    async def make() -> Worker:
        made = await app.services.worker()
        logs.identify(worker=made.id)
        return made

    follow_supervisor()
    serve(make, quiet=Worker.quiet)
