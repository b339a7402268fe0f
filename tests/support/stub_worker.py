"""A program that a supervisor takes for a worker; it notes what happens to it in a file."""

import argparse
import os
import signal
import sys
from pathlib import Path

from jobqueue.worker.lifeline import LIFELINE, follow_supervisor


def note(folder: Path, word: str) -> None:
    """Add a word to the file of this process."""
    with (folder / str(os.getpid())).open("a") as file:
        file.write(f"{word}\n")


def birth(folder: Path) -> int:
    """Return how many have been born by now, this one included."""
    with folder.with_suffix(".births").open("ab") as file:
        file.write(b".")  # appended at once, so that no two have one number
        file.flush()
        return file.tell()


def main() -> None:
    """Be a bad worker the first times, then one that ends by signals."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--terms", type=int, default=1, help="SIGTERMs that end it")
    parser.add_argument("--code", type=int, default=0, help="its exit code then")
    parser.add_argument("--good-starts", type=int, default=0, help="before the bad ones")
    parser.add_argument("--bad-starts", type=int, default=0)
    parser.add_argument("--begins", type=int, default=0, help="bad ones that get so far")
    parser.add_argument("--bad-code", type=int, default=1, help="below zero: a signal")
    options = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGTSTP])
    note(options.folder, "born")
    begin = follow_supervisor()
    number = birth(options.folder) - options.good_starts
    if number <= 0 or number > options.bad_starts or number <= options.begins:
        begin()
    if 0 < number <= options.bad_starts:
        if options.bad_code < 0:
            os.kill(os.getpid(), -options.bad_code)
        sys.exit(options.bad_code)
    note(options.folder, f"leader {os.getsid(0) == os.getpid()}, lifeline {LIFELINE in os.environ}")
    for _ in range(options.terms):
        while signal.sigwait([signal.SIGTERM, signal.SIGTSTP]) == signal.SIGTSTP:
            note(options.folder, "quiet")
        note(options.folder, "term")
    sys.exit(options.code)


if __name__ == "__main__":
    main()
