"""The options that make keys: uniqueness, locks, idempotency, limits by key; and times.

What one of them needs to know of a job's arguments is found out when the job is made; all
else is checked before, once for all jobs of a template.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from jobqueue.client.options import check_unique, until_ms
from jobqueue.domain import codec, keyed
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.handlers import Handler
from jobqueue.domain.ids import check_key
from jobqueue.domain.jobs import Asks
from jobqueue.domain.limits import labels_of
from jobqueue.domain.unique import OnConflict, Unique, Until


class KeyOptions:
    """What the jobs of a template ask of the broker's scripts, as far as it is known before.

    Args:
        name: Name of the job.
        handler: Its handler, if the code is here.
        options: Options of these jobs, with those of the handler.

    Raises:
        InvalidJob: An option is wrong; the error names it.
    """

    def __init__(self, name: str, handler: Handler | None, options: Mapping[str, Any]) -> None:
        unique, lock, idem = (options.get(k) for k in ("unique", "lock", "idempotency_key"))
        self._name = name
        self._defaults = handler.parameters.defaults if handler else {}
        self._unique = None if unique is None else _unique(unique, handler)
        self._lock = None if lock is None else check_key("lock", lock)
        self._idem = None if idem is None else check_key("idempotency_key", idem)
        self._expires, self.within = until_ms("expires", options.get("expires"))
        self._deadline, self._deadline_in = until_ms("deadline", options.get("deadline"))
        limits = handler.limits if handler else ()
        labels = zip(labels_of(limits, name), limits, strict=True)
        self._limits = [(label, each.key) for label, each in labels if each.key]

    @property
    def any(self) -> bool:
        """Whether there is anything to ask."""
        keys = (self._unique, self._lock, self._idem)
        times = (self._expires, self.within, self._deadline, self._deadline_in)
        return any(each is not None for each in keys + times) or bool(self._limits)

    def ask(self, arguments: dict[str, Any], raw: bytes, idempotency_ttl: float) -> Asks:
        """Return what a job with these arguments asks.

        Args:
            arguments: By name; those without one are a list under ``"*"``.
            raw: The same as JSON.
            idempotency_ttl: Seconds for which an idempotency key is remembered.
        """
        named = {**self._defaults, **arguments} if self._unique or self._limits else arguments
        unique, idem = self._unique, self._idem
        conflict = unique.on_conflict if unique else OnConflict.REJECT
        return Asks(
            lock=self._lock,
            unique=unique.key_of(self._name, named) if unique else None,
            start=True if unique and unique.until is Until.STARTED else None,
            ttl=round(unique.ttl * 1000) if unique and unique.ttl else None,
            conflict=None if conflict is OnConflict.REJECT else conflict.value,
            idem=idem,
            print=self._print(raw) if idem else None,
            keep=round(idempotency_ttl * 1000) if idem else None,
            expires=self._expires,
            within=self.within,
            keys={label: key.of(named) for label, key in self._limits} or None,
            deadline=self._deadline,
            deadline_in=self._deadline_in,
        )

    def _print(self, raw: bytes) -> str:
        """Return what stands for name and arguments; one that is its default was not given."""
        given = msgspec.json.decode(raw)
        for name, value in self._defaults.items():
            with suppress(codec.NotJson):
                if name in given and given[name] == msgspec.json.decode(codec.encode(value)):
                    del given[name]
        return keyed.fingerprint([self._name, given])


def _unique(value: object, handler: Handler | None) -> Unique:
    """Return a rule of uniqueness whose arguments the handler has, where it is known."""
    unique = check_unique(value)
    if handler is not None:
        try:
            unique.key.check(handler.parameters.names)
        except ConfigurationError as error:
            raise InvalidJob("unique", str(error).removeprefix("unique ")) from error
    return unique
