"""Calls the app's hooks. Whatever a hook does or raises, the worker goes on."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobqueue.domain.extensions import Hook, JobEvent
from jobqueue.domain.jobs import State
from jobqueue.domain.outcomes import Decision, Failure, Outcome
from jobqueue.worker.held import Held

log = logging.getLogger("jobqueue.worker")

HEALTH_EVERY = 15.0  # seconds between two calls without a change
LOOK_EVERY = 0.5  # seconds between two looks for a change


class Hooks:
    """The hooks of one app.

    Args:
        hooks: By name, in the order of their declaration.
    """

    def __init__(self, hooks: Mapping[str, Sequence[Hook]]) -> None:
        self._hooks = hooks
        self._tasks: set[asyncio.Task[None]] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._hooks

    @property
    def about_outcomes(self) -> bool:
        """Whether any hook wants to hear what attempts come to."""
        return any(name not in ("start", "health") for name in self._hooks)

    def started(self, held: Held) -> None:
        """Tell that a handler starts."""
        self.call("start", JobEvent("start", held.current(), _wait(held)))

    def settled(self, held: Held, decision: Decision, outcome: Outcome) -> None:
        """Tell what an attempt came to, once Redis has it."""
        names = _names(decision)
        failure: Failure = getattr(outcome, "failure", None) or Failure("", "")
        for name in names:
            if name in self._hooks:
                event = JobEvent(
                    name,
                    held.current(),
                    _wait(held),
                    (held.ended_us - held.started_us) / 1e6 if held.started_us else 0.0,
                    failure.type or None,
                    failure.message or None,
                    decision.delay if name == "retry" else None,
                    decision.reason if name == "dead" else None,
                )
                self.call(name, event)

    async def watch_health(self, problem: Callable[[], str | None]) -> None:
        """Tell the state of Redis at each change and every 15 s, until cancelled."""
        loop = asyncio.get_running_loop()
        last: tuple[str | None] | None = None
        told = 0.0
        while "health" in self._hooks:
            now = problem()
            if last != (now,) or loop.time() - told >= HEALTH_EVERY:
                last, told = (now,), loop.time()
                self.call("health", now)
            await asyncio.sleep(LOOK_EVERY)

    def call(self, name: str, argument: Any) -> None:
        """Call every hook of this name; async ones run beside the jobs."""
        for hook in self._hooks.get(name, ()):
            try:
                result = hook(argument)
            except BaseException:  # it is the user's code
                log.exception("hook failed", extra={"hook": name})
                continue
            if inspect.isawaitable(result):
                task = asyncio.create_task(_awaited(name, result))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self, patience: float) -> None:
        """Wait for async hooks that still run, ``patience`` seconds at most."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()


async def _awaited(name: str, result: Any) -> None:
    try:
        await result
    except asyncio.CancelledError:
        raise
    except BaseException:  # SystemExit of a task would end the event loop
        log.exception("hook failed", extra={"hook": name})


def _wait(held: Held) -> float:
    started = (held.started_us or held.ended_us) + held.clock_us
    return max(0.0, started / 1e6 - held.delivery.ready_ms / 1e3)


def _names(decision: Decision) -> Sequence[str]:
    """Return the hooks that hear of a decision: of a failure two, what it was and what follows."""
    match decision.state:
        case State.SUCCEEDED:
            return ("success",)
        case State.CANCELLED:
            return ("cancelled",)
        case State.DEAD:
            return ("failure", "dead")
        case State.RETRYING:
            return ("failure", "retry")
    return ()
