"""What an app can be asked about itself and its installation, before and after a deployment."""

from collections.abc import Collection, Sequence

from jobqueue.asking import Asking
from jobqueue.client.blocking import blocking
from jobqueue.domain import checks
from jobqueue.domain.binding import LiveCheck
from jobqueue.domain.checkup import Checkup
from jobqueue.domain.ids import check_queue


class Examining(Asking):
    """The examinations of a :class:`JobQueue`."""

    async def doctor(self, *, platform_grace: float | None = None) -> Checkup:
        """Examine the installation: servers, clocks, services, queues, settings.

        A server that is away is a finding; what needs it is left out then. Nothing is changed.

        Args:
            platform_grace: Seconds that whatever stops your services waits before it kills;
                None takes the default of the platform that this runs on, if it is known.

        Returns:
            What is wrong, the worst first, each with the command that mends it.

        Raises:
            ConfigurationError: No Redis URL is set, or one is wrong.
        """
        if platform_grace is not None:
            platform_grace = checks.seconds("platform_grace", platform_grace)
        return await self.services.doctor(platform_grace)

    doctor_sync = blocking(doctor)

    def check(self) -> Sequence[str]:
        """Return what a worker or a scheduler of this app would refuse, without any server.

        What a declaration itself refuses, such as a name that is taken, is raised there.
        """
        return self.services.check()

    async def check_live(self, *, queues: Collection[str] | None = None) -> LiveCheck:
        """Bind every stored job to this app's handlers: those that wait, and dead ones.

        Every key of the Redis server is looked at, a thousand at a time; jobs that are enqueued
        or end meanwhile may be missed.

        Args:
            queues: Only jobs of these queues; None for all. Several apps that share an
                installation each check their own.

        Returns:
            How many jobs were looked at, and those that this code could not run.

        Raises:
            BrokerUnavailable: Redis can't be reached.
            InvalidJob: There can be no queue of this name.
        """
        chosen = None if queues is None else {check_queue(each) for each in queues}
        return await self.services.check_live(chosen)

    check_live_sync = blocking(check_live)
