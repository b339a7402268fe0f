"""Handlers and their registry: what a name stands for on a worker."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from jobqueue.domain.annotations import hints
from jobqueue.domain.arguments import Parameters
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.jobs import Priority
from jobqueue.domain.limits import Limit, Rate
from jobqueue.domain.retry import Retry
from jobqueue.domain.suggest import did_you_mean
from jobqueue.domain.unique import Unique


class Kind(StrEnum):
    """Where a handler runs."""

    ASYNC = "async"  # on the event loop
    THREAD = "thread"
    PROCESS = "process"  # in a child that can be killed


class LockMode(StrEnum):
    """Whether the jobs of a handler have lock keys."""

    OPTIONAL = "optional"
    REQUIRED = "required"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True)
class Handler:
    """A function that runs the jobs of one name, with its defaults.

    ``None`` means the setting's default. Times are in seconds. ``durability`` is the
    option's word. ``redact`` names arguments that people may not see; ``is_failure`` says
    of an exception whether it counts as an attempt.
    """

    name: str
    function: Callable[..., Any]
    kind: Kind
    queue: str | None = None
    priority: Priority | None = None
    retry: Retry | None = None
    timeout: float | None = None
    result_ttl: float | None = None
    expires: float | None = None
    deadline: float | None = None
    unique: Unique | None = None
    lock_mode: LockMode = LockMode.OPTIONAL
    limits: tuple[Limit | Rate, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] | None = None
    durability: str | None = None
    redact: tuple[str, ...] = ()
    is_failure: Callable[[BaseException], bool] | None = None

    @cached_property
    def parameters(self) -> Parameters:
        """The function's parameters; checked when the handler is declared."""
        return Parameters(self.function)

    def check(self) -> None:
        """Look whether the options fit the function.

        Raises:
            ConfigurationError: One names an argument that the function does not have.
        """
        names = self.parameters.names
        for each in (self.unique, *self.limits):
            if each is not None and each.key is not None:
                each.key.check(names)
        for name in self.redact:
            if name not in names:
                hint = did_you_mean(name, names)
                raise ConfigurationError(f"redact: the handler has no {name!r}; {hint}")

    @cached_property
    def returns(self) -> Any:
        """The annotation of what the function returns; ``Any`` if it has none."""
        return hints(self.function).get("return", Any)


def kind_of(function: Callable[..., Any], *, process: bool) -> Kind:
    """Return where ``function`` has to run.

    Raises:
        ConfigurationError: It is no function, it is a generator, or it is a process
            handler that a child could not import.
    """
    if not inspect.isfunction(function) and not inspect.ismethod(function):
        raise ConfigurationError(
            f"{function!r} can't be a handler; write a function, made with def or async def"
        )
    label = function.__qualname__
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigurationError(
            f"handler {label}: it yields; a handler returns its result once, so collect the items"
        )
    if not process:
        return Kind.ASYNC if inspect.iscoroutinefunction(function) else Kind.THREAD
    if "<" in label:  # <locals> or <lambda>
        raise ConfigurationError(
            f"handler {label}: process=True needs a function at module level, "
            "because a child process imports it by name"
        )
    return Kind.PROCESS


class Registry(Mapping[str, Handler]):
    """Handlers by name; a name is taken once."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def __getitem__(self, name: str) -> Handler:
        return self._handlers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._handlers)

    def __len__(self) -> int:
        return len(self._handlers)

    def add(self, handler: Handler) -> None:
        """Register a handler.

        Raises:
            ConfigurationError: Another function has this name, or an annotation
                can't be read from JSON.
        """
        if handler.name in self._handlers:
            first = self._handlers[handler.name].function
            raise ConfigurationError(
                f"job {handler.name!r} is declared twice: by {_place(first)} and by "
                f"{_place(handler.function)}; give one of them name='...'"
            )
        _ = handler.parameters
        self._handlers[handler.name] = handler


def _place(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
