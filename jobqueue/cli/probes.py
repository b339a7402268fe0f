"""Where a service of the command line says how it is: ``/livez`` and ``/readyz``."""

from socket import socket

from jobqueue.probes import processes
from jobqueue.probes.health import Probe
from jobqueue.probes.server import listen
from jobqueue.services.running import Runs
from jobqueue.settings import Settings


class Answers:
    """What the probes of this process are told.

    ``service`` is None until it is made: it may take seconds to find Redis.
    """

    service: Runs | None = None

    def reasons(self, probe: Probe) -> list[str]:
        """Return why a probe fails; from any thread."""
        if self.service is not None:
            return self.service.health().reasons(probe)
        return [] if probe == "livez" else ["the service is starting"]


def listener(settings: Settings) -> socket | None:
    """Return the socket of the probes: the supervisor's, that of the settings, or none.

    Raises:
        ConfigurationError: The address is taken, or not ours.
    """
    given = processes.inherited()
    if given is None and settings.health_port:
        return listen(settings.health_host, settings.health_port)
    return given
