"""The journal stops the workers at its bound, and lets them go on below it."""

import msgspec
import pytest

from jobqueue.domain.jobs import SPEC_VERSION, Spec
from tests.support.broker import SPEC, Broker

KIB, MIB = 1024, 1024 * 1024
BIG = msgspec.msgpack.encode(Spec(SPEC_VERSION, None, b'{"text": "' + b"x" * MIB + b'"}'))


async def run_jobs(broker: Broker, n: int, *, spec: bytes = SPEC, prefix: str = "job") -> None:
    """Run ``n`` jobs, whose rows lie in the journal afterwards."""
    for first in range(0, n, 500):
        names = [f"{prefix}-{i}" for i in range(first, min(first + 500, n))]
        await broker.enqueue(*names, spec=spec)
        await broker.finish(*await broker.fetch("runs", len(names)), worker="runs")


async def status(broker: Broker, bound: int) -> str:
    """Fetch with a bound; return the status."""
    return (await broker.run(broker.fetching("w1", 1, journal_bytes=bound))).status


async def test_full(broker: Broker) -> None:
    """Above the bound nothing is delivered, though enqueue and finish go on."""
    await broker.enqueue("running")
    running = await broker.take("w1")
    await run_jobs(broker, 100)
    await broker.enqueue("waiting")
    assert await status(broker, 1 * KIB) == "full"
    assert await broker.finish(running) == "k"
    assert await broker.enqueue("another") == "c"
    assert await status(broker, 1 * MIB) == "more"


async def test_recorded_wakes(broker: Broker) -> None:
    """The recorder that brings the journal below its bound wakes a worker."""
    await run_jobs(broker, 100)
    await broker.enqueue("waiting")
    await broker.swallow()
    assert await status(broker, 1 * KIB) == "full"
    assert await broker.token() == 0, "there is no reason to read"
    await broker.recorded(bound=1 * KIB)
    assert await broker.token() == 1
    assert await status(broker, 1 * KIB) == "more"


async def test_recorded_below_the_bound_is_quiet(broker: Broker) -> None:
    """Recording a journal that stopped nobody wakes nobody."""
    await run_jobs(broker, 10)
    await broker.swallow()
    await broker.recorded(bound=1 * MIB)
    assert await broker.token() == 0


async def test_one_big_row_in_front(broker: Broker) -> None:
    """A big row at the journal's head says nothing of the small ones behind it."""
    await run_jobs(broker, 1, spec=BIG, prefix="big")
    await run_jobs(broker, 2000)
    await broker.enqueue("waiting")
    assert await status(broker, 16 * MIB) == "more"


async def test_small_rows_in_front(broker: Broker) -> None:
    """Small rows at the journal's head hide none of the big ones behind them."""
    await run_jobs(broker, 200)
    for n in range(10):
        await run_jobs(broker, 1, spec=BIG, prefix=f"big-{n}")
    await broker.enqueue("waiting")
    assert await status(broker, 8 * MIB) == "full"


@pytest.mark.parametrize("end", ["finish", "release", "reclaim"])
async def test_every_row_counts(broker: Broker, end: str) -> None:
    """Whoever writes a row, it counts until it is recorded, and repeating that changes nothing."""
    await broker.enqueue("big", spec=BIG)
    delivery = await broker.take("w1")
    if end == "reclaim":
        await broker.crash("w1")
    else:
        await {"finish": broker.finish, "release": broker.release}[end](delivery)
    assert await status(broker, MIB) == "full"
    records = await broker.recording()
    for _ in range(2):
        await broker.run(broker.calls.recorded(broker.queue, records, MIB))
        assert await status(broker, 1 * KIB) in {"ok", "more"}
