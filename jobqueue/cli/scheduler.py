"""``jobqueue scheduler`` and ``jobqueue recorder``: the services that run no jobs."""

from jobqueue.app import JobQueue
from jobqueue.cli.context import Cli
from jobqueue.cli.flags import AppPath
from jobqueue.cli.options import takes
from jobqueue.cli.startup import PROBES, any_app, refuse_windows

_RECORDING = ("redis_url", "database_url", "prefix")


@takes(*_RECORDING, "app", "result_ttl", "journal_limit", "history_retention", *PROBES)
def scheduler(cli: Cli, path: AppPath = None) -> None:
    """Start delayed and retrying jobs when they are due, fire schedules, write history.

    Run any number; one is enough. Without an app only stored schedules fire; without a
    database URL these don't, and no history is written. Prints nothing; logs go to stderr.
    Exits 0 after SIGTERM or Ctrl-C, 2 if the app does not load or does not fit what is in
    Redis, 5 if Redis does not answer for 10 seconds.
    """
    from jobqueue.cli.probes import listener
    from jobqueue.cli.process import serve

    refuse_windows("scheduler")
    cli = cli.plus({"app": path})
    probes = listener(cli.settings)
    serve(any_app(cli).services.scheduler, probes=probes)


@takes(*_RECORDING, "result_ttl", "journal_limit", "history_retention", *PROBES)
def recorder(cli: Cli) -> None:
    """Write history to PostgreSQL, without the scheduler's other duties.

    A scheduler with a database URL does this too; run it alone to move the work elsewhere.
    Prints nothing; logs go to stderr. Exits 0 after SIGTERM or Ctrl-C, 1 if the schema
    is wrong, 5 if Redis does not answer for 10 seconds.
    """
    from jobqueue.cli.probes import listener
    from jobqueue.cli.process import serve

    refuse_windows("recorder")
    serve(JobQueue(settings=cli.settings).services.recorder, probes=listener(cli.settings))
