"""How much slower a busy machine works: the measure for promises that are times of work.

A lease is a time of the clock. "At once", or the seconds in which something is done after it,
are times of work: where each processor is shared by four programs, they take four times as long.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BURST, EVERY = 0.01, 0.2  # seconds of work, and between two of them


@contextmanager
def pace() -> Iterator[Callable[[], float]]:
    """Measure during a block; the function that is given says how many times slower it was."""
    worked = took = 0.0
    over = threading.Event()

    def measure() -> None:
        nonlocal worked, took
        while not over.wait(EVERY):
            began, cpu = time.monotonic(), time.thread_time()
            while time.thread_time() - cpu < BURST:
                pass
            worked += time.thread_time() - cpu
            took += time.monotonic() - began

    thread = threading.Thread(target=measure, daemon=True)
    thread.start()
    try:
        yield lambda: max(1.0, took / worked) if worked else 1.0
    finally:
        over.set()
        thread.join()
