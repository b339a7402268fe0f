"""What runs inside a child process: one job after the other, until the parent hangs up.

The main thread runs the handlers, so that signal handlers and event loops work as in
any program; another thread reads the socket, so that the parent's end is noticed
while a handler works. Nothing here connects to a server.

**The end.** When the parent hangs up, an idle child leaves by the front door (user code
may have ``atexit`` functions); one that does not get there within ``LEAVING`` kills its
process group. On Linux the kernel kills it as well, should a handler hold the GIL.

**Logs.** A child of a worker that the command line runs logs to stderr like it, each line
with the worker's id and the job's. A worker in somebody's own program has their logging,
which a new interpreter can't know: there the module of the handler sets it up.

**Signals.** A child outlives SIGINT and SIGTERM: service managers send them to every
process of a service, and a stopping worker still waits for this job; what must end
is killed by SIGKILL. What the handler starts gets the usual signals again.
"""

import asyncio
import contextlib
import functools
import importlib
import inspect
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

import msgspec

from jobqueue.domain import context
from jobqueue.domain.arguments import ArgumentsMismatch
from jobqueue.domain.context import Progress
from jobqueue.domain.errors import NoCurrentJob
from jobqueue.domain.handlers import Handler, Kind
from jobqueue.domain.outcomes import Failed, Outcome, settle_error
from jobqueue.domain.retry import Retry
from jobqueue.domain.signals import Signal
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.frames import (
    HEADER,
    SHUTTING_DOWN,
    STARTED,
    Answer,
    Request,
    answer_of,
    pack,
    unpack_request,
)
from jobqueue.worker.verdicts import mismatched, raised, returned

log = logging.getLogger("jobqueue.worker")

OFTEN = 0.1  # seconds between two progress reports to the worker
LEAVING = 0.8  # seconds from the parent's end to ours
PR_SET_PDEATHSIG = 1


def main(fd: int) -> None:
    """Serve the parent behind the socket ``fd`` until it hangs up."""
    with socket.socket(fileno=fd) as parent:
        parent.set_inheritable(False)
        _be_a_child(parent)
        requests: SimpleQueue[bytes | None] = SimpleQueue()
        shutting_down = Signal()
        listening = threading.Thread(
            target=_listen, args=(parent, requests, shutting_down), daemon=True
        )
        listening.start()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the parent is gone
            while (body := requests.get()) is not None:
                request = unpack_request(body)
                control = ChildControl(parent, shutting_down)
                job = msgspec.structs.replace(request.job, control=control)
                request = msgspec.structs.replace(request, job=job)
                outcome = serve(request, lambda: parent.sendall(pack(STARTED)))
                _flush()
                control.close()
                parent.sendall(pack(answer_of(outcome)))


class ChildControl:
    """What one job asks and says in a child; a cancelled job's child is killed.

    Args:
        parent: The socket to the worker.
        shutting_down: Set when the worker begins to stop.
    """

    cancelled = False

    def __init__(self, parent: socket.socket, shutting_down: Signal) -> None:
        self.shutting_down = shutting_down
        self._parent = parent
        self._lock = threading.Lock()  # a handler may have threads of its own
        self._latest: Progress | None = None  # not sent yet
        self._timer: threading.Timer | None = None
        self._sent = 0.0
        self._closed = False

    @property
    def state(self) -> Any:
        """What a lifespan made stays in the worker's process.

        Raises:
            NoCurrentJob: Always.
        """
        raise NoCurrentJob

    def report(self, progress: Progress) -> None:
        """Pass progress on, ten times a second at most; the last report is always sent."""
        with self._lock:
            self._latest = progress
            wait = self._sent + OFTEN - time.monotonic()
            if self._closed or self._timer is not None:
                return
            if wait <= 0:
                self._send()
            else:
                self._timer = threading.Timer(wait, self._due)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Send what is left, and nothing after the job's end: the next job has its own."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._send()
            self._closed = True

    def _due(self) -> None:
        # The parent is gone: the child will be soon.
        with self._lock, contextlib.suppress(OSError):
            self._timer = None
            if not self._closed:
                self._send()

    def _send(self) -> None:
        if self._latest is not None:
            latest, self._latest, self._sent = self._latest, None, time.monotonic()
            self._parent.sendall(pack(Answer("progress", progress=latest)))


def serve(request: Request, started: Callable[[], None]) -> Outcome:
    """Run one job and return what it came to.

    Args:
        request: The job.
        started: Called when the code is imported and the arguments are decoded.
    """
    try:
        handler = _found(request.module, request.qualname)
        args, kwargs = handler.parameters.decode(request.arguments)
    except ArgumentsMismatch as misfit:
        return mismatched(misfit)
    except BaseException as problem:  # noqa: BLE001 - a module may raise anything when imported
        return _without_error(raised(problem, request.max_traceback), None, request)
    started()
    call = functools.partial(handler.function, *args, **kwargs)
    job = request.beginning(monotonic_us())
    # What a handler sets in its context is gone before the next job.
    value, error = copy_context().run(_call, call, handler.function, job)
    if error is None:
        return returned(value, request.max_result, request.max_traceback)
    outcome = raised(error, request.max_traceback, handler=handler)
    return _without_error(outcome, handler.retry, request)


def _without_error(outcome: Outcome, policy: Retry | None, request: Request) -> Outcome:
    if not isinstance(outcome, Failed):
        return outcome
    try:
        if policy is not None and request.retry is not None:
            policy = policy.with_spec(request.retry)
        return settle_error(outcome, request.job.attempt, policy, job=request.job)
    except BaseException:  # an own backoff function is the user's code
        log.exception("retry policy failed", extra={"job_id": request.job.id})
        return settle_error(outcome, request.job.attempt, None)


def find(module: str, qualname: str) -> Handler:
    """Import a module and return the handler that its function ``qualname`` is.

    The name may stand for a declared job or for the plain function.

    Raises:
        LookupError: Nothing that can be called has this name there.
    """
    found: Any = importlib.import_module(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    handler = getattr(found, "handler", None)
    if isinstance(handler, Handler):
        return handler
    if callable(found):
        return Handler(qualname, found, Kind.PROCESS)
    raise LookupError(f"module {module} has no function {qualname}")


_found = functools.cache(find)


def _call(
    call: Callable[[], Any], function: Callable[..., Any], job: context.CurrentJob
) -> tuple[Any, BaseException | None]:
    context.running.set(job)
    try:
        if inspect.iscoroutinefunction(function):
            return asyncio.run(_await(call))
        return call(), None
    except BaseException as error:  # noqa: BLE001 - SystemExit ends an attempt, not the child
        return None, error


async def _await(call: Callable[[], Awaitable[Any]]) -> tuple[Any, BaseException | None]:
    """Catch it here: the loop would let KeyboardInterrupt and SystemExit through its own frames."""
    try:
        return await call(), None
    except BaseException as error:  # noqa: BLE001 - see _call
        return None, error


def _be_a_child(parent: socket.socket) -> None:
    if sys.platform == "linux":
        import ctypes

        # The kernel goes by the thread that spawned us: the one of the worker's event loop.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Functions, not SIG_IGN: a program that the handler starts would inherit that.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: None)
    os.register_at_fork(after_in_child=functools.partial(_be_a_stranger, parent))


def _be_a_stranger(parent: socket.socket) -> None:
    """Undo it in a process that the handler forks: it may not keep the socket open."""
    os.close(parent.detach())  # close() would wait for the reading thread, which is not here
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _listen(
    parent: socket.socket, requests: "SimpleQueue[bytes | None]", shutting_down: Signal
) -> None:
    # A parent that left answers unread resets the connection.
    with contextlib.suppress(ConnectionResetError), parent.makefile("rb") as stream:
        while len(header := stream.read(HEADER.size)) == HEADER.size:
            if header == SHUTTING_DOWN:
                shutting_down.set()
            else:
                requests.put(stream.read(*HEADER.unpack(header)))
    requests.put(None)
    time.sleep(LEAVING)
    os.killpg(os.getpid(), signal.SIGKILL)


def _flush() -> None:
    """Let prints be seen now: a killed child can't flush any more."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            continue  # the handler closed or replaced it
