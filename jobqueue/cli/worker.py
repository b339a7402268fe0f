"""``jobqueue worker``: runs jobs."""

import logging
import sys
from socket import socket

import typer

from jobqueue import logs
from jobqueue.app import JobQueue
from jobqueue.cli.context import Cli
from jobqueue.cli.flags import AppPath
from jobqueue.cli.options import takes
from jobqueue.cli.startup import PROBES, own_app, refuse_windows
from jobqueue.settings import SETTINGS

log = logging.getLogger("jobqueue")


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
    "blocked_limit",
    *PROBES,
    "code_version",
)
def worker(cli: Cli, path: AppPath = None) -> None:
    """Run the jobs of an app until a signal.

    SIGTERM or Ctrl-C stops fetching, waits for the running jobs as long as --grace and hands
    the others back at no cost; a second one hands back at once. Ctrl-Z (SIGTSTP) only stops
    fetching. Prints nothing; logs go to stderr. Exits 0 after a stop, 2 if the app does not
    load or the health port is taken, 5 if Redis does not answer for 10 seconds, 1 if it
    can't fetch though Redis answers or its event loop is blocked past --blocked-limit.
    """
    refuse_windows("worker")
    from jobqueue.cli.probes import listener

    cli = cli.plus({"app": path})
    probes = listener(cli.settings)
    if (processes := cli.settings.processes) > 1:
        from jobqueue.worker.supervisor import supervise

        raise typer.Exit(supervise(_command(cli), processes, probes))
    _run(own_app(cli), probes)


def _command(cli: Cli) -> list[str]:
    """Return the command of one of several processes: this call's, as one worker."""
    cli.settings.required("app")  # refused here, once, and not by each process
    written = [
        word for name, value in cli.overrides.items() for word in (SETTINGS[name].flag, value)
    ]
    config = ["--config", str(cli.config_file)] if cli.config_file else []
    program = [sys.executable, "-P", "-m", "jobqueue"]
    return [*program, "worker", *written, *config, "--processes", "1"]


def _run(app: JobQueue, probes: socket | None) -> None:
    from jobqueue.cli.process import serve
    from jobqueue.worker.lifeline import follow_supervisor, predecessor
    from jobqueue.worker.worker import Worker

    if not app.jobs:
        log.warning("the app declares no jobs; import the modules that do where it is made")

    async def make() -> Worker:
        made = await app.services.worker()
        if died is not None:
            await app.services.note_end(died)
        logs.identify(worker=made.id)
        return made

    begun = follow_supervisor()
    died = predecessor()
    serve(make, probes=probes, begun=begun, quiet=Worker.quiet, grace=app.settings.grace)
