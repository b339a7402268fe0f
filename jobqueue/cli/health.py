"""``jobqueue health``: whether a service on this host does its duty, for containers."""

import socket
from enum import StrEnum
from typing import Annotated, Any

import typer

from jobqueue.app import JobQueue
from jobqueue.cli.context import Cli
from jobqueue.cli.options import takes
from jobqueue.cli.output import table

_RECORDING = ("recorder", "lookout")  # duties


class Role(StrEnum):
    """What can be asked for."""

    WORKER = "worker"
    SCHEDULER = "scheduler"
    RECORDER = "recorder"


@takes("redis_url", "prefix", json=True)
def health(
    cli: Cli,
    role: Annotated[Role, typer.Argument(metavar="worker|scheduler|recorder", help="Which.")],
) -> None:
    """Say whether the services of this host live and can do their duty.

    Prints a table of those that live and what keeps each from its duty. A scheduler with a
    database URL is a recorder too. Exits 0 if one lives and none has a problem, else 1; 5 if
    Redis can't be reached.
    """
    host = socket.gethostname()
    living = JobQueue(settings=cli.settings).living_sync()
    found = [(each["id"], _problem(each, role)) for each in living if _plays(each, role, host)]
    rows = [{"id": name, "problem": problem or None} for name, problem in found]
    people = table(("ID", "PROBLEM"), [(name, problem or "-") for name, problem in found])
    cli.emit(rows, people if found else f"no {role} of host {host} lives")
    if not found or any(problem for _, problem in found):
        raise typer.Exit(1)


def _plays(service: dict[str, Any], role: Role, host: str) -> bool:
    duties = service.get("duties", {})
    same = service["role"] == role or (role is Role.RECORDER and role in duties)
    return same and service["host"] == host


def _problem(service: dict[str, Any], role: Role) -> str:
    if service["role"] == Role.WORKER:
        return str(service["problem"])
    duties = service["duties"]
    # A recorder's trouble is the scheduler's too: it is one of its duties.
    names = _RECORDING if role is Role.RECORDER else duties
    return "; ".join(f"{name}: {duties[name]}" for name in names if duties.get(name))
