"""Looks at workers: what they say of themselves, and what Redis has handed to them."""

import msgspec
from msgspec.structs import replace

from jobqueue.broker import listing, presence, records
from jobqueue.broker.lanes import Lane
from jobqueue.client.wire import Wire
from jobqueue.domain.errors import WorkerNotFound
from jobqueue.domain.ids import minted
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.workers import RunningJob, WorkerView, worker_of


class Workers(msgspec.Struct, frozen=True):
    """The workers of one installation.

    Args:
        wire: Where Redis is, and how to talk to it.
    """

    wire: Wire

    async def all(self, queue: str | None) -> list[WorkerView]:
        """Return who lives; see :meth:`JobQueue.list_workers`."""
        async with self.wire.server.lane() as lane:
            living = await presence.services(lane, self.wire.keys, "worker")
        found = map(worker_of, living)
        return [each for each in found if queue is None or queue in each.queues]

    async def find(self, worker: str) -> WorkerView:
        """Return one of them and what it runs; see :meth:`JobQueue.find_worker`."""
        async with self.wire.server.lane() as lane:
            living = await presence.services(lane, self.wire.keys, "worker")
            found = next((worker_of(each) for each in living if each["id"] == worker), None)
            if found is None:
                raise WorkerNotFound(worker)
            places = [p for queue in found.queues for p in await self.wire.places(lane, queue)]
            jobs = [job for place in places for job in await self._jobs(lane, place, worker)]
        return replace(found, jobs=sorted(jobs, key=lambda job: job.started_at))

    async def _jobs(self, lane: Lane, place: str, worker: str) -> list[RunningJob]:
        keys = self.wire.keys
        held = await listing.held(lane, keys, place, worker)
        found = await records.named(lane, keys, place, list(held))
        return [
            RunningJob(
                id=job_id,
                queue=queue_of(place),
                name=None if record is None else record.name,
                priority=None if record is None else record.priority,
                started_at=minted(token),
            )
            for (job_id, token), record in zip(held.items(), found, strict=True)
        ]
