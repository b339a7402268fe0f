"""Where the demo plays."""

from contextlib import AbstractContextManager
from pathlib import Path

from scripts.common import stage
from scripts.common.stage import Stage

SETTINGS_OF_THE_DEMO = {
    "JOBQUEUE_CONCURRENCY": "4",  # parsing is work for the processor: few at a time
    "JOBQUEUE_LEASE": "4",  # so that what a dead worker held comes back soon
    "JOBQUEUE_GRACE": "5",
    "JOBQUEUE_LOG_FORMAT": "people",
}
PATIENCE = 10.0  # seconds for a service to stop


def opened(folder: Path) -> AbstractContextManager[Stage]:
    """Start the servers, no service yet; at the end stop everything."""
    return stage.opened(folder, SETTINGS_OF_THE_DEMO, patience=PATIENCE)
