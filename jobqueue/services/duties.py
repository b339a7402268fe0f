"""What a scheduler and a recorder do, each duty with connections of its own."""

from collections.abc import Callable, Sequence

from jobqueue.broker.facts import Facts
from jobqueue.broker.lanes import Lane
from jobqueue.broker.lookup import queues
from jobqueue.broker.presence import service_id
from jobqueue.domain.plans import Plan
from jobqueue.scheduler.firer import Firer
from jobqueue.scheduler.promoter import Promoter
from jobqueue.scheduler.service import Component
from jobqueue.scheduler.timetable import Timetable
from jobqueue.scheduler.unserved import Unserved
from jobqueue.services.apart import Apart
from jobqueue.services.wiring import Wiring
from jobqueue.settings import Settings


class Duties:
    """Makes the duties of one service.

    Args:
        wiring: Where the servers are, and how to talk to them.
        settings: Everything else.

    Attributes:
        lanes: What the service closes when it ends; the first one is its own.
    """

    def __init__(self, wiring: Wiring, settings: Settings) -> None:
        self._server, self._calls, self._splits = wiring.server, wiring.calls, wiring.splits
        self._settings = settings
        self.lanes = [self._server.lane()]

    def of_jobs(self, timetable: Timetable) -> dict[str, Component]:
        """Return what starts jobs at their times, and looks for jobs that nobody can run."""
        components: dict[str, Component] = {
            "promoter": self._each(
                "promoter", lambda lane, wait, queue: Promoter(lane, wait, self._calls, queue)
            ),
            "firer": self._firing(timetable),
            "unserved": Unserved(self._lane(), self._calls.keys),
        }
        return components

    def _firing(self, timetable: Timetable) -> Component:
        """Return what fires the schedules; on a cluster each by itself."""

        def make(lane: Lane, name: str | None) -> Firer:
            return Firer(lane, self._calls, self._splits, timetable, name)

        if not self._server.is_cluster:
            return make(self._lane(), None)

        async def names(_lane: Lane) -> Sequence[str]:
            return timetable.names()

        return Apart("firer", self._server.lane, names, make, "schedule")

    def of_history(self, facts: Facts) -> dict[str, Component]:
        """Return what writes to PostgreSQL, and keeps order there.

        Raises:
            ConfigurationError: No database URL is set.
        """
        from jobqueue.history.retention import Keep
        from jobqueue.history.writer import HistoryWriter
        from jobqueue.recorder.recorder import Recorder
        from jobqueue.scheduler.lookout import Lookout
        from jobqueue.scheduler.upkeep import Upkeep

        settings, url = self._settings, self._settings.required("database_url")
        writer, me = HistoryWriter(url), service_id()
        bound = facts.journal_bound(settings.journal_limit)

        def make(reading: Lane, working: Lane, queue: str | None) -> Recorder:
            ttl = settings.result_ttl
            return Recorder(reading, working, self._calls, writer, me, ttl, bound, queue)

        recorder = self._each("recorder", make)
        keep = Keep.of(
            settings.history_retention,
            settings.dead_letter_retention,
            settings.operator_log_retention,
        )
        return {"recorder": recorder, "upkeep": Upkeep(url, keep), "lookout": Lookout(url)}

    def of_schedules(self, timetable: Timetable, declared: Sequence[Plan]) -> Component:
        """Return what carries schedules from PostgreSQL, and their ledger there."""
        from jobqueue.scheduler.stored import Stored

        url = self._settings.required("database_url")
        return Stored(url, self._lane(), self._calls.keys, timetable, declared)

    def _each(self, duty: str, make: Callable[[Lane, Lane, str | None], Component]) -> Component:
        """Return what does a duty for all queues; on a cluster for each by itself."""
        if self._server.is_cluster:
            # A blocking read of a cluster's lane has a connection of its own: one lane will do.
            return Apart(
                duty,
                self._server.lane,
                lambda lane: queues(lane, self._calls.keys),
                lambda lane, name: make(lane, lane, name),
            )
        return make(self._lane(), self._lane(), None)

    def _lane(self) -> Lane:
        self.lanes.append(lane := self._server.lane())
        return lane
