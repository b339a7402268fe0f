"""The ``jobqueue`` command, also as ``python -m jobqueue``."""

import sys

from jobqueue._interrupt import INTERRUPTED


def main() -> None:
    """Run the command line and exit; Ctrl-C leaves no traceback, also while it is imported."""
    try:
        from jobqueue.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":  # a spawned child imports this module too
    main()
