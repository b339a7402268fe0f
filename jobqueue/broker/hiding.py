"""What handlers hide, for those who know no handler: recorders, and whoever looks a job up.

A worker says it in each of its queues before its first fetch. So a job of a producer without
the handler's code is masked while it waits and runs, and in the rows of ends without a worker's
word. One rule: a name is never taken back. Else a worker with older code, started once more,
would show what newer code hides; a new list of a handler replaces its old one.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.lookup import JobView

_pack = msgspec.msgpack.encode
_unpack = msgspec.msgpack.Decoder(tuple[str, ...]).decode

Job = tuple[str, str]  # its queue, or its partition, and its name


async def tell(
    lane: Lane, keys: Keys, queues: Iterable[str], hidden: Mapping[str, Sequence[str]]
) -> None:
    """Say in some queues which arguments handlers hide, by the names of their jobs."""
    pairs = [word for name, hides in hidden.items() for word in (name, _pack(hides))]
    if pairs:
        await lane.commands([("HSET", keys.hidden(queue), *pairs) for queue in queues])


async def ask(lane: Lane, keys: Keys, jobs: Iterable[Job]) -> dict[Job, tuple[str, ...]]:
    """Return what jobs hide, for those that hide anything."""
    wanted = sorted(set(jobs))
    if not wanted:
        return {}
    answers = await lane.commands([("HGET", keys.hidden(queue), name) for queue, name in wanted])
    return {j: _unpack(raw) for j, raw in zip(wanted, answers, strict=True) if raw is not None}


async def applied(lane: Lane, keys: Keys, views: Sequence[JobView]) -> list[JobView]:
    """Return jobs whose specs name what their handlers hide, too."""
    jobs = [(view.queue, view.name) for view in views if view.spec and view.name]
    hidden = await ask(lane, keys, jobs)
    return [_with(view, hidden.get((view.queue, view.name or ""), ())) for view in views]


def _with(view: JobView, names: Sequence[str]) -> JobView:
    if view.spec is None or not names:
        return view
    spec = msgspec.structs.replace(view.spec, redact=(*view.spec.redact, *names))
    return replace(view, spec=spec)
