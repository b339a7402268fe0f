"""Where the soak runs, and what runs there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobqueue.history import migrate
from scripts.common import stage
from scripts.common.stage import Stage

APP = "scripts.soaking.jobs:app"
SERVICES = {
    "worker 1": ("worker", APP, "--concurrency", "20"),
    "worker 2": ("worker", APP, "--concurrency", "20"),
    "scheduler": ("scheduler", APP),
}
# What is kept for a while must have reached its level when the warm-up is over.
SETTINGS_OF_THE_SOAK = {
    "JOBQUEUE_RESULT_TTL": "20s",
    "JOBQUEUE_IDEMPOTENCY_TTL": "20s",
    "JOBQUEUE_LOG_LEVEL": "error",
}
PATIENCE = 35.0  # seconds for a service to stop


@contextmanager
def opened(folder: Path) -> Iterator[Stage]:
    """Start servers and services; at the end stop everything."""
    with stage.opened(folder, SETTINGS_OF_THE_SOAK, patience=PATIENCE, aof=False) as made:
        migrate.upgrade(made.database_url)
        for name, arguments in SERVICES.items():
            made.start(name, *arguments)
        yield made
