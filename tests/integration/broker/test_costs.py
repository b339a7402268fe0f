"""What a plain job costs Redis, counted and not timed: a regression shows on any machine.

A call of twice as many jobs tells what one more costs; a call of one, what every call does.
"""

from collections import Counter
from collections.abc import AsyncIterator
from typing import TypeVar

import pytest
from msgspec.msgpack import encode as packb

from jobqueue.broker.calls import Call
from jobqueue.domain.jobs import SPEC_VERSION, Spec
from tests.support.broker import HOUR_MS, Broker, connect

T = TypeVar("T")

SOME, PORTION = 320, 64  # jobs: a fetch reads them in portions
SPEC = packb(Spec(SPEC_VERSION, None, b'{"n":1}'))
FOR_OTHERS = {"info", "config|resetstat", "hello", "client|setname", "client|setinfo"}


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    """One queue on a server that knows the scripts already."""
    async with connect(redis_url) as broker:
        await round_of(broker, 1)
        await round_of(broker, 1)
        yield broker


async def transferred(broker: Broker) -> int:
    """Return how many bytes the server has got and sent."""
    stats = (await broker.redis("INFO", "stats")).decode().splitlines()
    wanted = ("total_net_input_bytes:", "total_net_output_bytes:")
    return sum(int(line.partition(":")[2]) for line in stats if line.startswith(wanted))


async def commands(broker: Broker) -> Counter[str]:
    """Return how often the server has run each command, also within scripts."""
    stats = await broker.redis("INFO", "commandstats")
    found = Counter[str]()
    for line in stats.decode().splitlines():
        if line.startswith("cmdstat_"):
            name, _, fields = line.removeprefix("cmdstat_").partition(":calls=")
            found[name] = int(fields.partition(",")[0])
    return Counter({name: n for name, n in found.items() if name not in FOR_OTHERS})


async def cost(broker: Broker, call: Call[T]) -> tuple[T, Counter[str]]:
    """Run a call; return its answer and the commands that it took."""
    before = await commands(broker)
    answer = await broker.run(call)
    return answer, await commands(broker) - before


async def round_of(broker: Broker, jobs: int) -> dict[str, Counter[str]]:
    """Enqueue jobs, fetch, finish and record them, a call each; return what each call took."""
    ids = [f"job-{n}" for n in range(jobs)]
    _, enqueued = await cost(broker, broker.enqueuing(*ids, spec=SPEC))
    fetch, fetched = await cost(broker, broker.fetching(slots=jobs))
    assert len(fetch.deliveries) == jobs
    _, finished = await cost(broker, broker.finishing(*fetch.deliveries))
    records = await broker.recording()
    call = broker.calls.recorded(broker.queue, records, 1 << 30)
    gone, recorded = await cost(broker, call)
    assert gone == jobs
    return {"enqueue": enqueued, "fetch": fetched, "finish": finished, "recorded": recorded}


async def test_one_portion_more(broker: Broker) -> None:
    """A job costs an entry; nothing else is read or written for it alone."""
    some, more = await round_of(broker, SOME), await round_of(broker, SOME + PORTION)
    assert {step: more[step] - some[step] for step in some} == {
        "enqueue": {"xadd": PORTION},
        "fetch": {"xrange": 1, "mget": 1},
        "finish": {},
        "recorded": {},
    }


async def test_promoting_one_portion_more(broker: Broker) -> None:
    """A plain job that is due costs an entry; what else there is to write is written for many."""
    found = []
    for jobs in (160, 210):
        names = [f"job-{n}" for n in range(jobs)]
        await broker.enqueue(*names, delay_ms=HOUR_MS)
        await broker.mature(*names)
        found.append((await cost(broker, broker.calls.promote(broker.queue, jobs)))[1])
        await broker.finish(*await broker.fetch(slots=jobs))
        await broker.recorded()
    once = {"mget": 1, "mset": 1, "zrem": 1, "hincrby": 2, "llen": 1}
    assert found[1] - found[0] == {"xadd": 50, **once}


async def test_a_job_alone(broker: Broker) -> None:
    """What each call costs, however little it does: this is what latency is made of."""
    alone = {step: found.total() for step, found in (await round_of(broker, 1)).items()}
    assert alone == {"enqueue": 10, "fetch": 20, "finish": 14, "recorded": 11}


async def test_bytes(broker: Broker) -> None:
    """What goes over the network for a job with few arguments, there and back."""
    sizes = []
    for jobs in (SOME, SOME + PORTION):
        before = await transferred(broker)
        await broker.enqueue(*(f"job-{n:032}" for n in range(jobs)), spec=SPEC)
        await broker.finish(*await broker.fetch(slots=jobs))
        sizes.append(await transferred(broker) - before)
        await broker.recorded()
    assert (sizes[1] - sizes[0]) / PORTION < 530
