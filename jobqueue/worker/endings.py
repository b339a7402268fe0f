"""How a process ended, in words that fit into a line."""

import signal

from jobqueue.domain.context import Progress


def ending(code: int) -> str:
    """Return how a process ended, from its exit code, which is below zero for a signal."""
    if code >= 0:
        return f"ended with exit code {code}"
    name = next((known.name for known in signal.Signals if known == -code), f"signal {-code}")
    return f"killed by {name}"


def last_words(code: int, memory: str, progress: Progress | None) -> str:
    """Return how a child ended in the middle of a job.

    Args:
        code: Its exit code, below zero for a signal.
        memory: What it has used at most, in words.
        progress: How far the job was, if it ever said so.
    """
    notes = [memory] if memory else []
    if progress is not None:
        notes.append(f"progress {progress.fraction:.0%} {progress.message}".rstrip())
    hint = "; so the kernel does when memory is out" if code == -signal.SIGKILL else ""
    told = f" ({', '.join(notes)})" if notes else ""
    return f"{ending(code)}{told}{hint}"
