"""What an application adds around its jobs: middleware, hooks and resources.

Middleware sees a job on its way and may change what happens; hooks are told
afterwards and may not. Recovery (whatever is raised ends an attempt, never the worker),
logging and the timeout are built in, inside every middleware.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, Literal, TypeVar, get_args

import msgspec

from jobqueue.domain.context import CurrentJob
from jobqueue.domain.errors import ConfigurationError, NoCurrentJob
from jobqueue.domain.suggest import did_you_mean

T = TypeVar("T")

JobHookName = Literal["start", "success", "failure", "retry", "dead", "cancelled"]
HookName = JobHookName | Literal["health"]
HOOKS: tuple[str, ...] = (*get_args(JobHookName), "health")


class JobEvent(msgspec.Struct, frozen=True):
    """What a hook is told of one attempt; times in seconds.

    Args:
        name: The hook.
        job: The job, as its handler sees it.
        wait: From ready to started.
        duration: From started to ended; None in ``start``.
        error_type: Qualified name of the exception, if there was one.
        error_message: Its text.
        delay: Until the next attempt, in ``retry``.
        reason: Why the job is dead, in ``dead``.
    """

    name: str
    job: CurrentJob
    wait: float
    duration: float | None = None
    error_type: str | None = None
    error_message: str | None = None
    delay: float | None = None
    reason: str | None = None


RunMiddleware = Callable[[CurrentJob, Callable[[], Awaitable[Any]]], Awaitable[Any]]
EnqueueMiddleware = Callable[[Any, Callable[[Any], Any]], Any]
Hook = Callable[[Any], Any]


class Lifespan(Generic[T]):
    """Resources that a worker opens before its first job and closes after its last.

    Args:
        make: An async generator that yields them once.
    """

    def __init__(self, make: Callable[[], AsyncIterator[T]]) -> None:
        if not inspect.isasyncgenfunction(make):
            raise ConfigurationError(
                f"@app.lifespan: {make!r} is no async generator; write async def with one yield"
            )
        self._open = asynccontextmanager(make)
        self._states: list[T] = []  # several workers may live in one process

    @property
    def state(self) -> T:
        """What the generator yielded, typed; for the worker that opened it last.

        Raises:
            NoCurrentJob: No worker of this process has it open.
        """
        if not self._states:
            raise NoCurrentJob
        return self._states[-1]

    def opened(self) -> AbstractAsyncContextManager[T]:
        """Open the resources, and close them at the end."""
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[T]:
        async with self._open() as state:
            self._states.append(state)
            try:
                yield state
            finally:
                place = next(i for i, each in enumerate(self._states) if each is state)
                del self._states[place]


class Extensions(msgspec.Struct):
    """Everything that one app adds; in the order of its declaration, the first is outermost."""

    around_run: list[RunMiddleware] = msgspec.field(default_factory=list)
    around_enqueue: list[EnqueueMiddleware] = msgspec.field(default_factory=list)
    hooks: dict[str, list[Hook]] = msgspec.field(default_factory=dict)
    lifespan: Lifespan[Any] | None = None

    def add_hook(self, name: str, hook: Hook) -> None:
        """Register a hook.

        Raises:
            ConfigurationError: There is no such hook, or it can't be called.
        """
        if name not in HOOKS:
            raise ConfigurationError(f"@app.on: {name!r} is unknown; {did_you_mean(name, HOOKS)}")
        if not callable(hook):
            raise ConfigurationError(f"@app.on({name!r}): {hook!r} can't be called")
        self.hooks.setdefault(name, []).append(hook)

    def add_middleware(self, around: str, function: Callable[..., Any]) -> None:
        """Register a middleware around ``run`` or ``enqueue``.

        Raises:
            ConfigurationError: It goes around nothing, or is of the wrong kind.
        """
        if around not in ("run", "enqueue"):
            raise ConfigurationError(f"@app.middleware: around={around!r}; write run or enqueue")
        if inspect.iscoroutinefunction(function) is not (around == "run"):
            form = "async def" if around == "run" else "def, without async"
            raise ConfigurationError(f"@app.middleware around {around}: write it with {form}")
        chain: list[Any] = self.around_run if around == "run" else self.around_enqueue
        chain.append(function)
