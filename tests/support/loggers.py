"""The process' loggers, given back as they were."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_loggers() -> Iterator[None]:
    """Let a test set up logging; undo it."""
    root, ours = logging.getLogger(), logging.getLogger("jobqueue")
    before = (list(root.handlers), root.level, ours.level)
    yield
    root.handlers[:], level, our_level = before
    root.setLevel(level)
    ours.setLevel(our_level)
