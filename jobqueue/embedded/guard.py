"""Keep one process, and stop it when the program that wanted it is gone.

Run as a script with a JSON plan (`process.Plan`); imports nothing but the standard
library, so that it starts in a few milliseconds and works without site packages.

Standard input says what to do: the word ``stop``, or its end without a word when
our parent died. Standard output gets one line, the pid. What the process prints goes
to our standard error, which is its log. We end when the process has ended, with its
exit code, or as a shell says it: 128 + N for signal N.
"""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

PR_SET_PDEATHSIG = 1


def follow_parent(stop_signal: int) -> Callable[[], None] | None:
    """Return what makes a child get ``stop_signal`` when we are killed; Linux only."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def follow() -> None:
        libc.prctl(PR_SET_PDEATHSIG, stop_signal)

    return follow


def start(plan: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start the process of ``plan``; the lock stays open in it and in its children."""
    as_user = plan["user"] is not None
    return subprocess.Popen(  # noqa: S603 - our own command
        plan["command"],
        cwd=plan["folder"],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        pass_fds=() if plan["lock"] is None else (plan["lock"],),
        preexec_fn=follow_parent(plan["stop_signal"]),  # noqa: PLW1509 - we have one thread yet
        **({"user": plan["user"], "group": plan["user"], "extra_groups": []} if as_user else {}),
    )


def stop(kept: subprocess.Popen[bytes], plan: dict[str, Any]) -> None:
    """Ask the process to end, perhaps again, and kill it when it does not end in time."""
    for seconds in plan["patience"]:
        kept.send_signal(plan["stop_signal"])
        try:
            kept.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return
    kept.kill()


def main() -> int:
    """Run the process until it ends by itself, by our parent's word or by its death."""
    plan = json.loads(sys.argv[1])
    kept = start(plan)
    orphaned = threading.Event()

    def obey() -> None:
        # Not through sys.stdin: a thread that reads there breaks the interpreter's exit.
        if not os.read(0, 16):
            orphaned.set()
        stop(kept, plan)

    print(kept.pid, flush=True)  # noqa: T201 - the parent reads it
    threading.Thread(target=obey, daemon=True).start()
    code = kept.wait()
    if orphaned.is_set():
        for folder in plan["temporary"]:
            shutil.rmtree(folder, ignore_errors=True)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
