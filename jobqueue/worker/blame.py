"""Finds the handler behind what blocks the event loop."""

import asyncio
from collections.abc import Iterable, Mapping
from types import FrameType
from typing import Any

from jobqueue.domain import context
from jobqueue.domain.handlers import Handler
from jobqueue.worker.held import Held, Pool


class Blame:
    """Knows handlers by their tasks and by their code.

    Args:
        pool: What the worker is running.
        registry: Handlers by name.
    """

    def __init__(self, pool: Pool, registry: Mapping[str, Handler]) -> None:
        self._pool = pool
        self._registry = registry

    def name(self, task: "asyncio.Task[Any] | None", frames: Iterable[FrameType]) -> str | None:
        """Return the name of the handler that a task belongs to, if it is one's; from any thread.

        Args:
            task: The task that runs now.
            frames: Its frames.
        """
        held = next((each for each in [*self._pool.working.values()] if each.task is task), None)
        if held is None and task is not None:
            held = _owner(task)
        if held is not None:
            return held.delivery.name
        names = {_code(each): name for name, each in [*self._registry.items()]}
        return next((names[each.f_code] for each in frames if each.f_code in names), None)


def _owner(task: "asyncio.Task[Any]") -> Held | None:
    """Return the job in whose context a task was made; Python 3.11 does not say."""
    get_context = getattr(task, "get_context", None)
    found = get_context().get(context.running) if get_context else None
    return found if isinstance(found, Held) else None


def _code(handler: Handler) -> Any:
    return getattr(handler.function, "__code__", None)
