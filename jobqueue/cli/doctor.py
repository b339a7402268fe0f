"""``jobqueue doctor``: what is wrong with an installation, and what mends it."""

from collections import Counter
from typing import Annotated, Any

import typer

from jobqueue.cli import values
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import FAILURE
from jobqueue.cli.options import takes
from jobqueue.cli.output import cell, duration
from jobqueue.cli.startup import any_app
from jobqueue.domain.checkup import Checkup, Finding, PostgresFacts, RedisFacts, Severity

_MIB = 1 << 20


@takes(
    "redis_url",
    "database_url",
    "prefix",
    "app",
    "grace",
    "lease",
    "default_timeout",
    "journal_limit",
    json=True,
)
def doctor(
    cli: Cli,
    platform_grace: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            show_default=False,
            help="How long the platform waits before it kills a service; unset: its default.",
        ),
    ] = None,
) -> None:
    """Examine servers, clocks, services, queues and settings; say what mends each problem.

    Prints a line for each server, then each finding with its severity and a fix, the worst
    first. With an app its timeouts are compared with the history. Changes nothing. Exits 1 if
    there is an error, such as a server that can't be reached; what needs it is left out then.
    Exits 2 if a setting is wrong or the app does not load.
    """
    grace = values.seconds("--platform-grace", platform_grace)
    found = any_app(cli).doctor_sync(platform_grace=grace)
    cli.emit(_for_programs(found), "\n\n".join(filter(None, _people(found))))
    if not found.ok:
        raise typer.Exit(FAILURE)


def _people(found: Checkup) -> list[str]:
    servers = [_redis(each) for each in found.redis]
    servers += [_postgres(found.postgres)] if found.postgres else []
    return ["\n".join(servers), *map(_finding, found.findings), _sum(found)]


def _redis(server: RedisFacts) -> str:
    used, bound = server.used_memory / _MIB, server.maxmemory / _MIB
    memory = f"{used:,.0f} MiB used" + (f" of {bound:,.0f} MiB" if bound else "")
    place = f" ({server.place})" if server.place else ""
    answers = f"answers in {duration(server.latency)}"
    return f"{server.flavour} {server.version}{place}: {memory}, {answers}"


def _postgres(server: PostgresFacts) -> str:
    schema = f"schema {server.revision}" if server.revision else "no schema"
    months = f", partitions to {server.partitions[-1]}" if server.partitions else ""
    return f"PostgreSQL {server.version}: {schema}{months}, answers in {duration(server.latency)}"


def _finding(found: Finding) -> str:
    head = f"{found.severity.ljust(7)}  {found.where}: {cell(found.problem)}"
    return f"{head}\n{' ' * 9}fix: {cell(found.remedy)}"


def _sum(found: Checkup) -> str:
    counts = Counter(each.severity for each in found.findings)
    said = [f"{n} {each}{'s' * (n > 1)}" for each in Severity if (n := counts[each])]
    return ", ".join(said) or "nothing is wrong"


def _for_programs(found: Checkup) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "redis": found.redis,
        "postgresql": found.postgres,
        "findings": found.findings,
    }
