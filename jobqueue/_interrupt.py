"""Ends the command without a traceback when Ctrl-C comes while its packages are imported.

``jobqueue/__init__.py`` imports this first, since its other imports take most of that time.
One rule: a program that only imports the library keeps its own signals.
"""

import contextlib
import os
import signal
import sys

INTERRUPTED = 130  # as a shell says it


def be_heard() -> None:
    """Let Ctrl-C be a ``KeyboardInterrupt`` again."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_command() -> bool:
    # While `python -m jobqueue` imports the package, the program's name is "-m".
    word = sys.orig_argv[-len(sys.argv)] if sys.argv[:1] == ["-m"] else "".join(sys.argv[:1])
    return word.endswith("jobqueue")


def _leave(*_: object) -> None:
    os._exit(INTERRUPTED)


if _is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    with contextlib.suppress(ValueError):  # this is no main thread, so it is no command
        signal.signal(signal.SIGINT, _leave)
