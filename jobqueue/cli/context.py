"""What a command knows about its call: the flags as written, merged into settings on demand."""

import os
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import typer
from msgspec.structs import replace

from jobqueue import logs
from jobqueue.cli import output
from jobqueue.domain.errors import ConfigurationError
from jobqueue.settings import SETTINGS, Settings, load


class Cli(msgspec.Struct, frozen=True, dict=True):
    """One call of the command line.

    Args:
        overrides: Values of setting flags, as they were written.
        config_file: The file of ``--config``.
        json: Whether to print for programs.
    """

    overrides: Mapping[str, str] = msgspec.field(default_factory=dict)
    config_file: Path | None = None
    json: bool = False

    def plus(self, given: Mapping[str, Any]) -> "Cli":
        """Return this with more flags, which win: those after a command over those before it."""
        flags = {key: given[key] for key in SETTINGS if given.get(key) is not None}
        return replace(
            self,
            overrides={**self.overrides, **flags},
            config_file=given.get("config") or self.config_file,
            json=given.get("json") or self.json,
        )

    @cached_property
    def settings(self) -> Settings:
        """The merged settings. The first look at them also sets up logging.

        Raises:
            ConfigurationError: A value, a key or a file is wrong.
        """
        settings = load(self.overrides, overrides_from="command line", config_file=self.config_file)
        logs.configure(settings.log_level, settings.log_format, sys.stderr)
        return settings

    @property
    def debug(self) -> bool:
        """Whether errors show their traceback."""
        try:
            return self.settings.log_level == "debug"
        except ConfigurationError:  # the very error that is to be shown, perhaps
            level = self.overrides.get("log_level") or os.environ.get("JOBQUEUE_LOG_LEVEL", "")
            return level.lower() == "debug"

    def emit(self, value: Any, people: str) -> None:
        """Print a result on stdout: ``value`` as JSON with ``--json``, else ``people``."""
        typer.echo(output.as_json(value) if self.json else people)
