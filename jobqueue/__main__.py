"""``python -m jobqueue`` is the ``jobqueue`` command."""

from jobqueue.cli.main import main

if __name__ == "__main__":  # a spawned child imports this module too
    main()
