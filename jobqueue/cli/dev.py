"""``jobqueue dev``: everything that a project needs, in one terminal.

Valkey and PostgreSQL from the ``embedded`` extra, a scheduler and a worker, reloaded on
change. One rule: nothing outlives us, and nothing outside the data folder is touched.
"""

import logging
import os
import shlex
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from jobqueue.cli import apps
from jobqueue.cli.context import Cli
from jobqueue.cli.flags import AppPath
from jobqueue.cli.options import takes
from jobqueue.cli.startup import refuse_windows
from jobqueue.domain.errors import ConfigurationError
from jobqueue.settings import SETTINGS

if TYPE_CHECKING:
    from jobqueue.embedded import Server

FOLDER = ".jobqueue"
# Seconds until the worker is told a second time to stop. Its own grace, about which it may
# warn, stays production's: that is too long for who waits at a terminal.
GRACE = 3.0


@takes("prefix", "app", "queues", "concurrency", "grace")
def dev(
    cli: Cli,
    path: AppPath = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin with empty servers.")] = False,
) -> None:
    """Run an app on servers of its own: Valkey, PostgreSQL, scheduler and worker.

    Needs jobqueue[embedded]. Keeps its data in .jobqueue/ and starts scheduler and worker
    again when a *.py file of the project changes. Prints where things are, then
    logs; Ctrl-C ends everything. Running jobs have 3 s to end, unless --grace says otherwise.
    Exits 2 if the app can't be loaded or the extra is missing, 5 if a server does not start.
    """
    refuse_windows("dev")
    from jobqueue.cli import reload

    cli = cli.plus({"app": path})
    app = cli.settings.required("app")
    _refuse_missing(app, cli.settings.home("app"))
    for chatty in ("alembic", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    root = _root(cli.settings.home("app"))
    grace = cli.settings.grace if "grace" in cli.overrides else GRACE
    try:
        with _interruptible(), reload.watching(root) as changes, _servers(fresh) as servers:
            environment = _environment(cli, servers)
            services = reload.Services(app, _options(cli), environment, grace)
            if code := services.check():
                raise typer.Exit(code)
            typer.echo(_banner(cli, root, servers))
            services.run(changes, list(servers.values()))
    except KeyboardInterrupt:
        reload.say(f"stopped; the data stays in {FOLDER}/")


def _refuse_missing(app: str, home: Path | None) -> None:
    """Refuse a module that is not there before anything is made in what may be a wrong folder."""
    from jobqueue.app import JobQueue

    apps.make_importable(home)
    if find_spec(app.partition(":")[0].partition(".")[0]) is None:
        apps.load(app, JobQueue, home)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Make every polite signal a ``KeyboardInterrupt``, wherever we are."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    stops = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, interrupt) for each in stops}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _servers(fresh: bool) -> Iterator[dict[str, "Server"]]:
    """Run both servers in the data folder; give them by the settings that name them."""
    from jobqueue.embedded import PostgresServer, ValkeyServer
    from jobqueue.history import migrate

    folder = _make_folder()
    redis, postgres = ValkeyServer(folder), PostgresServer(folder)
    if fresh:
        redis.wipe()
        postgres.wipe()
    with ExitStack() as running:
        running.enter_context(redis)
        running.enter_context(postgres)
        migrate.upgrade(postgres.url)
        yield {"redis_url": redis, "database_url": postgres}


def _make_folder() -> Path:
    folder = Path.cwd() / FOLDER
    try:
        folder.mkdir()
        (folder / ".gitignore").write_text("*\n")
    except FileExistsError:
        pass  # made by an earlier run, or by somebody who wants it otherwise
    except OSError as error:
        raise ConfigurationError(f"{folder} can't be made: {error.strerror}") from error
    return folder


def _environment(cli: Cli, servers: Mapping[str, "Server"]) -> dict[str, str]:
    """Return the variables of scheduler and worker: ours, our flags, and our servers."""
    files = {f"{row.variable}_FILE" for row in SETTINGS.values()}
    values = dict(cli.overrides) | {name: server.url for name, server in servers.items()}
    kept = {name: value for name, value in os.environ.items() if name not in files}
    flags = {SETTINGS[name].variable: value for name, value in values.items()}
    # Both would take the same port; nothing restarts them by their health here.
    own = {"PYTHONUNBUFFERED": "1", SETTINGS["health_port"].variable: "0"}
    return kept | flags | own | _path(cli.settings.home("app"))


def _path(home: Path | None) -> dict[str, str]:
    """Let the children find an app beside the file that names it."""
    known = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(home), known)))} if home else {}


def _root(home: Path | None) -> Path:
    """Return where the project's sources are: below the file that names the app, or here."""
    here = Path.cwd()
    return home if home is not None and here.is_relative_to(home) else here


def _options(cli: Cli) -> list[str]:
    return ["--config", str(cli.config_file)] if cli.config_file else []


def _banner(cli: Cli, root: Path, servers: Mapping[str, "Server"]) -> str:
    """Say where things are and how to reach them."""
    urls = {SETTINGS[name].variable: server.url for name, server in servers.items()}
    if "prefix" in cli.overrides:
        urls[SETTINGS["prefix"].variable] = cli.settings.prefix
    exports = [f"  export {name}={shlex.quote(value)}" for name, value in urls.items()]
    lines = [
        f"jobqueue dev runs {cli.settings.app}",
        "",
        f"  Redis     {servers['redis_url'].url}",
        f"  Database  {servers['database_url'].url}",
        f"  Data      {Path.cwd() / FOLDER} (kept; --fresh empties it)",
        f"  Queues    {_queues(cli)}",
        f"  Reload    on changes of *.py in {root}",
        *_unused(cli, servers),
        "",
        "To use it from another terminal:",
        "",
        *exports,
        """  jobqueue enqueue NAME --args '{"argument": "value"}'""",
        "",
        "Ctrl-C ends everything.",
        "",
    ]
    return "\n".join(lines)


def _queues(cli: Cli) -> str:
    """Say what the worker serves."""
    chosen = cli.settings.queues
    return "all that its jobs name (--queues narrows it)" if chosen is None else ", ".join(chosen)


def _unused(cli: Cli, servers: Mapping[str, "Server"]) -> list[str]:
    """Warn of an address that somebody may believe to be in use here."""
    origins = {name: cli.settings.origin(name) for name in servers}
    return [
        f"  Not used  {name} from {origin}: dev has servers of its own"
        for name, origin in origins.items()
        if origin != "default"
    ]
