"""What one setting is: its names, what it takes, and how a value is checked and shown."""

from dataclasses import dataclass
from typing import Any

from jobqueue.domain import urls
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.kinds import ValueKind

PREFIX = "JOBQUEUE_"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table: a setting, what it takes and what it is for.

    Args:
        name: The field of :class:`Settings` and the key in files.
        default: The typed value when nobody says anything; ``None`` when there is none.
        kind: How a value is read and shown.
        help: What it does, for people.
        least: The lowest value allowed, if there is one.
        most: The highest value allowed, if there is one.
        secret: Whether the value holds a password. It is then never shown
            whole, and may come from a file.
        fallback: A variable without our prefix that is asked after our own.
    """

    name: str
    default: Any
    kind: ValueKind
    help: str
    least: float | None = None
    most: float | None = None
    secret: bool = False
    fallback: str | None = None

    @property
    def variable(self) -> str:
        """The environment variable, such as ``JOBQUEUE_REDIS_URL``."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """The option of the command line, such as ``--redis-url``."""
        return "--" + self.name.replace("_", "-")

    def check(self, value: Any, origin: str) -> Any:
        """Return the typed value.

        Raises:
            ConfigurationError: It is of another form or out of bounds. The message
                names the setting and ``origin``.
        """
        try:
            typed = self.kind.parse(value)
            self._check_bounds(typed)
        except ValueError as error:
            raise ConfigurationError(f"{self.name} ({origin}): {error}") from None
        return typed

    def show(self, value: Any) -> str | None:
        """Return the value as text that may be printed: passwords hidden, ``None`` unset."""
        if value is None:
            return None
        shown = self.kind.show(value)
        return urls.hide_secrets(shown) if self.secret else shown

    def _check_bounds(self, value: Any) -> None:
        if self.least is not None and value < self.least:
            raise ValueError(f"must be at least {self.kind.show(self.least)}")
        if self.most is not None and value > self.most:
            raise ValueError(f"must be at most {self.kind.show(self.most)}")
