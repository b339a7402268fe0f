"""What a Python process is doing, looked at with every tick of its CPU time (1 to 4 ms).

A timer of CPU time raises a signal, and the frame that it meets is noted. C code is noted as
the Python line that called it, for the interpreter runs signal handlers when that is over; C
code that no line of Python called, such as the event loop's own, would be noted as the first
function that it calls, so a function met at its very first instruction counts for its caller.
Unlike ``cProfile`` it costs next to nothing, and small functions no more than large ones.

Handlers of signals run in the main thread only: a tick that others took most of is left out, and
what they took is one row, by the clocks.
"""

import signal
import time
from collections import Counter
from dis import get_instructions
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

EVERY = 0.001  # seconds of CPU time; the kernel may take its own tick instead
LOOP = "event loop"
THREADS = "other threads"
LOOPS = {"asyncio", "uvloop", "selectors"}
OURS = {"jobqueue", "scripts"}


class Sampler:
    """Notes the main thread of this process, as ``module:function``."""

    def __init__(self) -> None:
        self._found: Counter[CodeType | None] = Counter()
        self._began = self._looked = _clocks()

    def restart(self) -> None:
        """Forget what was found so far."""
        self._found.clear()
        self._began = self._looked = _clocks()

    def start(self) -> None:
        """Begin. Signal handlers may not be set anywhere but in the main thread."""
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
        self.restart()

    def stop(self) -> dict[str, int]:
        """End; return how often each function was found."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        main, others = _since(self._began, _clocks())
        named: Counter[str] = Counter()
        for code, times in self._found.items():
            named[name_of(code)] += times
        if times := round(named.total() * others / main):
            named[THREADS] = times
        return dict(named)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        now = _clocks()
        main, others = _since(self._looked, now)
        self._looked = now
        if main < others:
            return
        while frame and frame.f_lasti <= first(frame.f_code):
            frame = frame.f_back
        self._found[frame.f_code if frame else None] += 1


def _clocks() -> tuple[float, float]:
    """Return the CPU time of this thread and of the process."""
    return time.thread_time(), time.process_time()


def _since(before: tuple[float, float], now: tuple[float, float]) -> tuple[float, float]:
    """Return what this thread took between two looks, and what others did."""
    main = now[0] - before[0]
    return main, now[1] - before[1] - main


@cache
def first(code: CodeType) -> int:
    """Return where the first instruction of a function's body is, in bytes."""
    return next((each.offset for each in get_instructions(code) if each.opname == "RESUME"), 0)


def name_of(code: CodeType | None) -> str:
    """Return ``module:function`` of a function of ours or of a package; the loop's are one."""
    if code is None:
        return LOOP
    module = module_of(code.co_filename)
    if module.partition(".")[0] in LOOPS:
        return LOOP
    # What stands within a function, such as a comprehension, is counted as the function.
    return f"{module}:{code.co_qualname.partition('.<')[0]}"


def module_of(file: str) -> str:
    """Return the module that a file of ours, of a package or of Python itself holds."""
    parts = Path(file).with_suffix("").parts
    for place in range(len(parts) - 1, -1, -1):
        if parts[place] in OURS:
            return ".".join(parts[place:])
        if parts[place] == "site-packages" or parts[place].startswith("python3."):
            return ".".join(parts[place + 1 :])
    return parts[-1] if parts else file
