"""Monotonic time in µs."""

import time


def monotonic_us() -> int:
    """Return this process's monotonic time in µs."""
    return time.monotonic_ns() // 1000
