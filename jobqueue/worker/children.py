"""Child processes for ``process=True`` handlers: spawned when needed, kept, one job at a time each.

**Bound.** There may be as many children as the worker runs jobs at once: a job that has a
slot must not wait for a child while another worker could run it. Each child is an
interpreter with the whole application in it, so a worker for process handlers wants a
concurrency near the number of processors. Neither timeout nor run time begins before
the handler's code is imported.

**Death.** A cancelled job's child gets SIGKILL, with every process that it started in its
process group, and the job's slot is freed when the child is gone. A child that dies in a
job is that attempt's failure; one that died between two jobs costs nothing. The
worker lives on, and the next job gets a fresh child.

**Spawned, never forked**: the worker has threads and connections. A child begins as a new
interpreter in a session of its own, so that Ctrl-C reaches only the worker, and with the
worker's ``sys.path``; ``child.py`` says what it does.
"""

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from jobqueue.domain.context import CurrentJob, Progress
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.handlers import Handler, Kind
from jobqueue.domain.jobs import Spec
from jobqueue.domain.outcomes import Failed, Failure, Outcome
from jobqueue.domain.retry import Backoff
from jobqueue.worker.attempt import Limits
from jobqueue.worker.bounds import deadline_of
from jobqueue.worker.child import find
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.endings import last_words
from jobqueue.worker.frames import Request, outcome_of, pack
from jobqueue.worker.spawned import READY, Spawned


class Told:
    """What a job in a child says of itself on the way.

    Args:
        job: The job; its control hears of everything.
    """

    def __init__(self, job: CurrentJob) -> None:
        self._job = job
        self.progress: Progress | None = None

    def report(self, progress: Progress) -> None:
        """Pass progress on, and remember it."""
        self.progress = progress
        if self._job.control is not None:
            self._job.control.report(progress)


class ChildPool:
    """Runs process handlers in at most ``limit`` children.

    Args:
        limit: Most children at once; further jobs wait for one.
        limits: Sizes that every attempt is held to.
    """

    def __init__(self, limit: int, limits: Limits) -> None:
        self._limits = limits
        self._free = asyncio.Semaphore(limit)
        self._idle: list[Spawned] = []
        self._children: set[Spawned] = set()
        self._shutting_down = False

    @staticmethod
    def check(handlers: Iterable[Handler]) -> None:
        """Look whether a child would find each process handler.

        Raises:
            ConfigurationError: It would not; the message says what to write.
        """
        for handler in handlers:
            if handler.kind is Kind.PROCESS:
                _check(handler)

    async def run(
        self, handler: Handler, spec: Spec, job: CurrentJob, started: Callable[[], None]
    ) -> Outcome:
        """Run a job in a child and return what it came to; cancelling this kills the child.

        Args:
            handler: What to run.
            spec: Its arguments, and the retry policy that the job brought.
            job: What ``current_job()`` returns there.
            started: Called when the handler starts, after its code was imported. A
                child that dies before has started nothing.
        """
        request = pack(
            Request(
                handler.function.__module__,
                handler.function.__qualname__,
                spec.arguments,
                msgspec.structs.replace(job, control=None),
                spec.retry,
                self._limits.result,
                self._limits.traceback,
                monotonic_us(),
                deadline_of(spec, job.run, job.enqueued_ms),
            )
        )
        async with self._free:
            while True:
                try:
                    child = await self._take()
                except OSError as error:
                    return _died(f"no child process could be started: {error}")
                outcome = await self._attempt(child, request, started, Told(job))
                if outcome is not None:
                    return outcome

    def pids(self) -> list[int]:
        """Return the processes that live; from any thread."""
        return [child.pid for child in self._children.copy()]

    def shut_down(self) -> None:
        """Tell every running handler that the worker begins to stop."""
        self._shutting_down = True
        for child in self._children:
            child.shut_down()

    async def close(self) -> None:
        """End every child, in order where it has no job, within a second."""
        await asyncio.gather(*(child.leave() for child in self._children))
        self._children.clear()
        self._idle.clear()

    async def _take(self) -> Spawned:
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            await self._end(child)
        child = Spawned.start()
        self._children.add(child)
        if self._shutting_down:
            child.shut_down()
        return child

    async def _attempt(
        self,
        child: Spawned,
        request: bytes,
        started: Callable[[], None],
        told: Told,
    ) -> Outcome | None:
        """Return the outcome; ``None`` when the child was dead before it had the job."""
        try:
            answer = await child.run(request, started, told.report)
        except TimeoutError:
            await self._end(child)
            return _died(f"the child process was not ready within {READY:g} s")
        except (OSError, msgspec.MsgspecError):
            child.kill()
            code = await self._end(child)
            if child.was_dead:
                return None
            return _died(last_words(code, child.memory, told.progress))
        except BaseException:
            await self._end(child)
            raise
        self._idle.append(child)
        return outcome_of(answer)

    async def _end(self, child: Spawned) -> int:
        self._children.discard(child)
        return await child.end()


def _died(words: str) -> Failed:
    return Failed(Failure("jobqueue.ChildDied", words))


def _check(handler: Handler) -> None:
    function, label = handler.function, f"handler {handler.name!r}"
    place = f"{function.__module__}.{function.__qualname__}"
    if function.__module__ == "__main__":
        raise ConfigurationError(
            f"{label}: process=True can't run a function of the started program itself, because "
            f"a child imports it by name; move {function.__qualname__} into a module of its own "
            "and import it, or start the worker with `jobqueue worker MODULE:APP`"
        )
    try:
        found = find(function.__module__, function.__qualname__)
    except (ImportError, LookupError) as error:
        raise ConfigurationError(
            f"{label}: process=True needs a function that a child can import as {place}: {error}"
        ) from error
    if found is handler:
        return
    if found.function is not function or _has_rules(found) or _has_rules(handler):
        raise ConfigurationError(
            f"{label}: a child that imports {place} would not find this job; "
            "declare it with the decorator: @app.job(process=True)"
        )


def _has_rules(handler: Handler) -> bool:
    """Whether its retries depend on code, which only a child that finds the job can apply."""
    policy = handler.retry
    return handler.is_failure is not None or (
        policy is not None
        and bool(policy.on or policy.never or not isinstance(policy.backoff, Backoff))
    )
