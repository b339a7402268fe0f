"""Makes everything that talks to a server, from the settings of one app."""

from jobqueue.services.running import Runs, running
from jobqueue.services.services import Services

__all__ = ["Runs", "Services", "running"]
