"""Calls that tell their scripts what time it is.

They run the scripts with ``broker/lua/testing/clock.lua``, which takes the time from the
last argument. So the clock is part of each call: no key in Redis holds it, and a queue
that did not exist when it was moved has it too.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from jobqueue.broker.calls import Call, Calls, Value
from jobqueue.broker.keys import Keys
from jobqueue.broker.scripts import script

T = TypeVar("T")


class TimedCalls(Calls):
    """Makes the calls of an app under test.

    Attributes:
        time_us: What scripts take for the time, in µs since the epoch; None for the server's.
    """

    def __init__(self, keys: Keys) -> None:
        super().__init__(keys)
        self.time_us: int | None = None

    def _call(self, name: str, queue: str, parse: Callable[[object], T], *args: Value) -> Call[T]:
        time: Value = "" if self.time_us is None else self.time_us
        return Call(script(name, "testing"), self.keys.base(queue), (*args, time), parse)

    def now_us(self, answer: Sequence[bytes]) -> int:
        """Return the test's time instead of the server's answer, where there is one."""
        return super().now_us(answer) if self.time_us is None else self.time_us
