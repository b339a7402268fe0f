"""An app's settings: where they come from, and what is made anew when they change."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobqueue.settings import Settings, load

if TYPE_CHECKING:
    from jobqueue.client.client import Client

MADE = ("client", "defaults", "services", "wiring")  # from the settings, when first needed


class Configured:
    """The settings of a :class:`JobQueue`.

    Args:
        redis_url: Where the code says that Redis is, if it does.
        database_url: Where it says that PostgreSQL is, if it does.
        settings: All settings at once; None to read them from the environment.
    """

    def __init__(
        self, redis_url: str | None, database_url: str | None, settings: Settings | None
    ) -> None:
        self._urls = {"redis_url": redis_url, "database_url": database_url}
        self._settings = None if settings is None else self._with_urls(settings)

    @property
    def settings(self) -> Settings:
        """The settings, read when they are first needed.

        Raises:
            ConfigurationError: A value is wrong; the message names it.
        """
        if self._settings is None:
            self._settings = load({k: v for k, v in self._urls.items() if v is not None})
        return self._settings

    def configure(self, settings: Settings) -> None:
        """Use these settings instead; the command line does this before it runs a service.

        A URL that the code gave to the app still counts, unless a flag gives another.
        """
        self._settings = self._with_urls(settings)
        self._take_out(MADE)

    @contextmanager
    def swapped(self, *, client: "Client | None" = None, **settings: Any) -> Iterator[None]:
        """Use other settings, or another client, inside the block; for ``jobqueue.testing``.

        Args:
            client: What sends jobs.
            settings: Values that win over all others, also over a URL that the code gave.
        """
        names = MADE if settings else ("client",)
        before, made = self._settings, self._take_out(names)
        try:
            if settings:
                self._settings = replace(self.settings, **settings)
            if client is not None:
                self.__dict__["client"] = client
            yield
        finally:
            self._take_out(names)
            self.__dict__.update(made)
            self._settings = before

    def _take_out(self, names: Iterable[str]) -> dict[str, Any]:
        return {name: self.__dict__.pop(name) for name in names if name in self.__dict__}

    def _with_urls(self, settings: Settings) -> Settings:
        own: dict[str, Any] = {
            name: url
            for name, url in self._urls.items()
            if url is not None and settings.origin(name) != "command line"
        }
        origins = {**settings.origins, **dict.fromkeys(own, "argument")}
        return replace(settings, origins=origins, **own)
