"""What ``@app.job`` makes of a function: still callable, and enqueueable with its types."""

from collections.abc import Callable, Coroutine, Sequence
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, Unpack, cast, overload

from jobqueue.client.handle import JobHandle
from jobqueue.client.options import JobOptions
from jobqueue.client.prepared import Defaults, Draft, Prepared, Template
from jobqueue.domain.arguments import loose
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.extensions import EnqueueMiddleware, Extensions
from jobqueue.domain.handlers import Handler

if TYPE_CHECKING:
    from jobqueue.client.client import Client

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class App(Protocol):
    """What a declared job needs of its app."""

    @property
    def client(self) -> "Client":
        """Sends jobs."""

    @property
    def defaults(self) -> Defaults:
        """What jobs get that say nothing else."""

    @property
    def extensions(self) -> Extensions:
        """Middleware around every enqueueing."""


class JobCall(Generic[P, T]):
    """A job with options: enqueue it, or prepare it for ``enqueue_many``.

    Arguments are those of the handler, and type checkers see them.
    """

    def __init__(self, app: App, name: str, handler: Handler | None, options: JobOptions) -> None:
        self._app = app
        self._name = name
        self._handler = handler
        self._options = options
        self._template = Template(name, handler, options)

    @property
    def name(self) -> str:
        """The job's name."""
        return self._name

    @property
    def lock(self) -> str | None:
        """The lock key that its jobs get."""
        return self._options.get("lock")

    def prepare(self, /, *args: P.args, **kwargs: P.kwargs) -> Prepared:
        """Check a job and return it for :meth:`JobQueue.enqueue_many`.

        Raises:
            InvalidJob: An option or argument is wrong; the error names it.
        """
        if self._handler is None:
            arguments = loose(args, kwargs)
        else:
            arguments = self._handler.parameters.bind(args, kwargs)
        if self._app.extensions.around_enqueue:
            return self._through(self._app.extensions.around_enqueue, arguments)
        return self._template.make(arguments, self._app.defaults)

    def _through(self, around: Sequence[EnqueueMiddleware], arguments: dict[str, Any]) -> Prepared:
        def make(draft: Draft) -> Prepared:
            return self._template.make_from(draft, self._app.defaults)

        call: Callable[[Draft], Prepared] = make
        for each in reversed(around):
            call = partial(_around, each, call)
        prepared = call(self._template.draft(arguments))
        if not isinstance(prepared, Prepared):
            raise ConfigurationError(
                "a middleware around enqueue must return what call_next(draft) returned"
            )
        return prepared

    async def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[T]:
        """Enqueue a job; when this returns, the job is stored.

        Raises:
            InvalidJob: An option or argument is wrong; nothing was stored.
            JobExists: A job with this ``job_id`` is there already.
            DuplicateJob: Another unfinished job has its unique key.
            IdempotencyConflict: Its idempotency key belongs to other arguments.
            QueueFull: As many jobs wait in the queue as its ``max_depth`` allows.
            NotReplicated: It is stored, and not in as many replicas as it asks for.
            EnqueueUncertain: Redis took the job and never answered.
            BrokerUnavailable: Redis can't be reached; nothing was stored.
        """
        return await self._app.client.enqueue(self.prepare(*args, **kwargs))

    def enqueue_sync(self, /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[T]:
        """The form of :meth:`enqueue` for programs without an event loop."""
        return self._app.client.enqueue_sync(self.prepare(*args, **kwargs))

    def options(self, **options: Unpack[JobOptions]) -> "JobCall[P, T]":
        """Return the same job with other options; see :class:`JobOptions`.

        Raises:
            InvalidJob: An option is unknown or wrong.
        """
        merged = cast("JobOptions", {**self._options, **options})
        return JobCall(self._app, self._name, self._handler, merged)


def _around(
    middleware: EnqueueMiddleware, call_next: Callable[[Draft], Prepared], draft: Draft
) -> Prepared:
    return cast("Prepared", middleware(draft, call_next))


class Job(JobCall[P, T], Generic[P, R, T]):
    """A declared job. Calling it just runs the function, here and now."""

    def __init__(self, app: App, handler: Handler) -> None:
        # First, since it copies the function's attributes, whatever their names.
        update_wrapper(cast("Callable[..., Any]", self), handler.function)
        super().__init__(app, handler.name, handler, {})
        self.handler = handler
        self._function = handler.function

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function without any queue."""
        return cast("R", self._function(*args, **kwargs))

    def __repr__(self) -> str:
        return f"<job {self.handler.name!r}: {self.handler.function.__qualname__}>"


class Schedulable(Protocol):
    """A job that runs without arguments, so that a schedule can enqueue it."""

    @property
    def name(self) -> str:
        """The job's name."""

    def prepare(self) -> Prepared:
        """Check a job and return it."""


class Declare(Protocol):
    """The decorator that ``@app.job(...)`` returns."""

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, T]], /
    ) -> Job[P, Coroutine[Any, Any, T], T]: ...

    @overload
    def __call__(self, function: Callable[P, T], /) -> Job[P, T, T]: ...
