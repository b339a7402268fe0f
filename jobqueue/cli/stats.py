"""``jobqueue stats``: what ran in the last hours, by name and by queue."""

from typing import Annotated, Any

import typer

from jobqueue.app import JobQueue
from jobqueue.cli import values
from jobqueue.cli.context import Cli
from jobqueue.cli.options import takes
from jobqueue.cli.output import duration, moment, table
from jobqueue.cli.watching import Every, Shown, Watch, show
from jobqueue.domain.stats import NameStats, QueueStats, Stats


@takes("database_url", json=True)
def stats(
    cli: Cli,
    since: Annotated[str, typer.Option(metavar="TIME", help=f"Since when: {values.AGO}.")] = "24h",
    watch: Watch = False,
    every: Every = "10s",
) -> None:
    """Sum up what ran: runs, failures and durations by name, and waits by queue.

    Whole hours are summed up: that of --since counts from its beginning. Prints two tables; p95
    is that of the worst hour. Exits 2 if the time is wrong or no database is set, 5 if PostgreSQL
    can't be reached.
    """
    jobs = JobQueue(settings=cli.settings)

    def look() -> Shown:
        found = jobs.stats_sync(values.ago("--since", since))
        return _for_programs(found), _people(found)

    show(cli, look, watch=watch, every=every)


def _people(found: Stats) -> str:
    names = ("NAME", "RUNS", "FAILED", "", "MEAN", "P95", "WAIT P95", "BUSY")
    queues = ("QUEUE", "RUNS", "WAIT P95", "LONGEST WAIT")
    return "\n\n".join(
        [
            f"since {moment(found.since)}",
            table(names, map(_name, found.names)),
            table(queues, map(_queue, found.queues)),
        ]
    )


def _name(each: NameStats) -> tuple[Any, ...]:
    return (
        each.name,
        each.runs,
        each.failures,
        f"{100 * each.failure_rate:.3g}%",
        duration(each.mean),
        duration(each.run_p95),
        duration(each.wait_p95),
        duration(each.busy),
    )


def _queue(each: QueueStats) -> tuple[Any, ...]:
    return (each.queue, each.runs, duration(each.wait_p95), duration(each.wait_max))


def _for_programs(found: Stats) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(found)
    for name, each in zip(shown["names"], found.names, strict=True):
        name |= {"failure_rate": each.failure_rate, "mean": each.mean}
    return shown
