"""What an app declares: handlers, what goes around them, and what holds for whole queues."""

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, Literal, ParamSpec, TypeVar, Unpack, cast, overload

from jobqueue.client.declared import App, Declare, Job
from jobqueue.client.prepared import Draft, Prepared
from jobqueue.domain.checks import checks_options, named
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.extensions import (
    Extensions,
    Hook,
    HookName,
    JobEvent,
    JobHookName,
    Lifespan,
    RunMiddleware,
)
from jobqueue.domain.handlers import Handler, Registry
from jobqueue.domain.ids import check_queue
from jobqueue.domain.limits import Limit, QueueLimits, Rate
from jobqueue.domain.partitions import check_partitions, refused_limits
from jobqueue.handler_options import HandlerOptions, bounds, handler_of
from jobqueue.scheduling import Scheduling

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
P = ParamSpec("P")
Run = TypeVar("Run", bound=RunMiddleware)
Enqueue = TypeVar("Enqueue", bound=Callable[[Draft, Callable[[Draft], Prepared]], Prepared])
JobHook = TypeVar("JobHook", bound=Callable[[JobEvent], object])
HealthHook = TypeVar("HealthHook", bound=Callable[[str | None], object])


class Declaring(Scheduling):
    """Declares handlers, schedules, limits, middleware, hooks and resources."""

    def __init__(self) -> None:
        super().__init__()
        self._registry = Registry()
        self._queue_limits: dict[str, QueueLimits] = {}
        self.extensions = Extensions()

    @property
    def jobs(self) -> Mapping[str, Handler]:
        """The declared handlers by name."""
        return self._registry

    @overload
    def job(
        self, function: Callable[P, Coroutine[Any, Any, T]], /
    ) -> Job[P, Coroutine[Any, Any, T], T]: ...

    @overload
    def job(self, function: Callable[P, T], /) -> Job[P, T, T]: ...

    @overload
    def job(self, /, **options: Unpack[HandlerOptions]) -> Declare: ...

    def job(self, function: Any = None, /, **options: Unpack[HandlerOptions]) -> Any:
        """Declare a function as the handler of a job: ``@app.job`` or ``@app.job(...)``.

        Args:
            function: The handler, where there are no options.
            options: See :class:`HandlerOptions`.

        Raises:
            ConfigurationError: An option is unknown or wrong, the name is taken, or
                the function can't be a handler.
        """
        named("@app.job", options, HandlerOptions.__annotations__)

        def declare(function: Callable[..., Any]) -> Job[..., Any, Any]:
            handler = handler_of(function, **options)
            self._registry.add(handler)
            return Job(cast("App", self), handler)

        return declare if function is None else declare(function)

    @checks_options("app.queue")
    def queue(
        self,
        name: str,
        *,
        limit: int | None = None,
        rate: Rate | None = None,
        max_depth: int | None = None,
        partitions: int | None = None,
    ) -> None:
        """Declare a queue's limits, or its partitions; workers of this app make them known.

        Args:
            name: The queue.
            limit: Jobs at once over all workers.
            rate: Starts within a time over all workers.
            max_depth: Waiting jobs above which an enqueue raises ``QueueFull``.
            partitions: Parts into which a busy queue is split, so that a cluster spreads it
                over its nodes. It never changes, and such a queue has no limits; see
                ``jobqueue docs jobs``.

        Raises:
            ConfigurationError: A value is wrong, or the queue was declared before.
        """
        try:
            label = check_queue(name)
        except InvalidJob as error:
            raise ConfigurationError(str(error)) from error
        if label in self._queue_limits:
            raise ConfigurationError(f"queue {label!r} is declared twice")
        for each in bounds(Rate, rate):
            if each.key:
                raise ConfigurationError(f"queue {label!r}: rate takes a Rate without by=")
        if max_depth is not None:
            max_depth = Limit(max_depth).n
        if partitions is not None:
            partitions = check_partitions(partitions)
            if (limit, rate, max_depth) != (None, None, None):
                raise ConfigurationError(refused_limits(label, partitions))
        self._queue_limits[label] = QueueLimits(
            None if limit is None else Limit(limit), rate, max_depth, partitions
        )

    @overload
    def middleware(self, function: Run, /) -> Run: ...

    @overload
    def middleware(self, /, *, around: Literal["run"] = "run") -> Callable[[Run], Run]: ...

    @overload
    def middleware(self, /, *, around: Literal["enqueue"]) -> Callable[[Enqueue], Enqueue]: ...

    def middleware(
        self, function: Any = None, /, *, around: Literal["run", "enqueue"] = "run"
    ) -> Any:
        """Put a function around every run, or around every enqueueing.

        Around a run: ``async def (job: CurrentJob, call_next)``; ``await call_next()`` runs
        the handler and returns its result as JSON has it (a tuple as a list), or raises its
        error. Around an enqueueing:
        ``def (draft: Draft, call_next)``; ``call_next(draft)`` returns what will be sent.
        The first one declared is outermost.

        Raises:
            ConfigurationError: It is of the wrong kind.
        """

        def declare(function: F) -> F:
            self.extensions.add_middleware(around, function)
            return function

        return declare if function is None else declare(function)

    @overload
    def on(self, name: Literal["health"]) -> Callable[[HealthHook], HealthHook]: ...

    @overload
    def on(self, name: JobHookName) -> Callable[[JobHook], JobHook]: ...

    def on(self, name: HookName) -> Any:
        """Call a function at a moment in the life of each job, with a :class:`JobEvent`.

        ``start``, ``success``, ``failure`` (each failed attempt), ``retry``, ``dead``,
        ``cancelled``; and ``health``, which gets the error of Redis or None, at each change
        and every 15 s. It may be async. What it raises is logged and harms nothing.

        Workers call hooks for what ends with them; of a job that is cancelled or expires
        while it waits, or is lost with its worker, the history tells.

        Raises:
            ConfigurationError: There is no such moment.
        """

        def declare(function: F) -> F:
            self.extensions.add_hook(name, cast("Hook", function))
            return function

        return declare

    def lifespan(self, make: Callable[[], AsyncIterator[T]]) -> Lifespan[T]:
        """Open resources when a worker starts, and close them when it stops.

        Args:
            make: An async generator that yields them once. Its ``state`` reaches them,
                typed; so does ``current_job().state``. Child processes don't have them.

        Raises:
            ConfigurationError: It is no async generator, or there is one already.
        """
        if self.extensions.lifespan is not None:
            raise ConfigurationError("@app.lifespan: there is one already; open all in one")
        self.extensions.lifespan = lifespan = Lifespan(make)
        return lifespan
