"""Loads what a service command runs: the user's app, with the merged settings."""

import sys

from jobqueue.app import JobQueue
from jobqueue.cli import apps
from jobqueue.cli.context import Cli
from jobqueue.domain.errors import ConfigurationError

PROBES = ("health_port", "health_host")  # settings of every service


def own_app(cli: Cli) -> JobQueue:
    """Return the user's app, ready to run with the settings of this call.

    Raises:
        ConfigurationError: No app is named, or it does not load.
    """
    settings = cli.settings  # also sets up logging, before user code runs
    app = apps.load(settings.required("app"), JobQueue, settings.home("app"))
    app.configure(settings)
    return app


def any_app(cli: Cli) -> JobQueue:
    """Return the user's app where one is named, else an app without jobs."""
    return own_app(cli) if cli.settings.app else JobQueue(settings=cli.settings)


def refuse_windows(command: str) -> None:
    """Refuse a service where its signals don't exist.

    Raises:
        ConfigurationError: This is Windows.
    """
    if sys.platform == "win32":
        raise ConfigurationError(
            f"`jobqueue {command}` runs on Linux and macOS; on Windows use WSL or a container"
        )
