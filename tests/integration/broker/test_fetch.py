"""``fetch`` delivers what is ready, the highest priority first, and nothing else."""

from uuid import UUID

import pytest
from msgspec.msgpack import encode as packb

from jobqueue.domain.jobs import SPEC_VERSION, Spec
from tests.support.broker import HOUR_MS, Broker, ids


async def test_strict_priority(broker: Broker) -> None:
    """One fetch over a mixed backlog brings the highest priorities first, each in its order."""
    for n in range(3):
        for priority in (3, 1, 0, 2):
            await broker.enqueue(f"p{priority}-{n}", priority=priority)
    got = ids(await broker.fetch("w1", 8))
    assert got == [f"p{priority}-{n}" for priority in range(3) for n in range(3)][:8]
    await broker.enqueue("urgent", priority=0)
    assert ids(await broker.fetch("w1", 1)) == ["urgent"]


async def test_handed_back_first(broker: Broker) -> None:
    """Within a priority, jobs that were handed back go before all others; never above it."""
    for priority in range(4):
        await broker.enqueue(f"back-{priority}", f"waits-{priority}", priority=priority)
    held = [d for d in await broker.fetch("w1", 8) if d.id.startswith("back")]
    rest = [d for d in await broker.recover("w1") if d.id.startswith("waits")]
    await broker.release(*rest, started=False)
    await broker.release(*held)
    await broker.enqueue(*(f"new-{n}" for n in range(3)), priority=1)
    expected = [f"{kind}-{p}" for p in range(4) for kind in ("waits", "back")]
    expected[4:4] = ["new-0", "new-1", "new-2"]
    assert ids(await broker.fetch("w2", 20)) == expected


async def test_status(broker: Broker) -> None:
    """A fetch that filled every slot says "more"; one that saw the end says "ok"."""
    await broker.enqueue("a", "b", "c")
    assert (await broker.run(broker.fetching(slots=2))).status == "more"
    assert (await broker.run(broker.fetching(slots=2))).status == "ok"
    assert (await broker.run(broker.fetching(slots=2))).status == "ok"


async def test_cancelled(broker: Broker) -> None:
    """An entry whose record is gone is dropped, and the stream does not grow."""
    await broker.enqueue("a", "b", "c")
    await broker.redis("DEL", broker.keys.job(broker.queue, "b"))
    assert ids(await broker.fetch(slots=2)) == ["a", "c"]
    assert await broker.length("ready:2") == 0


async def test_cancelled_and_enqueued_again(broker: Broker) -> None:
    """A cancelled id that is enqueued again is delivered once: for its present entry."""
    await broker.enqueue("a")
    await broker.redis("DEL", broker.keys.job(broker.queue, "a"))
    assert await broker.enqueue("a") == "c"
    assert ids(await broker.fetch()) == ["a"]
    assert await broker.length("ready:2") == 0


async def test_moved(broker: Broker) -> None:
    """An id that is enqueued again at another priority is delivered there only."""
    await broker.enqueue("a", priority=0)
    await broker.redis("DEL", broker.keys.job(broker.queue, "a"))
    await broker.enqueue("a", priority=3)
    [delivery] = await broker.fetch()
    assert delivery.stream == "ready:3"
    assert await broker.length("ready:0") == 0


@pytest.mark.parametrize(
    "entry", [("id", "nobody"), ("id", "a"), ("x", "y"), ("id", ""), ("id", "a", "more", "b")]
)
async def test_foreign_entries(broker: Broker, entry: tuple[str, ...]) -> None:
    """Entries that no record names, wherever they come from, are deleted."""
    await broker.enqueue("a")
    for stream in broker.keys.streams(broker.queue):
        await broker.redis("XADD", stream, "*", *entry)
    assert ids(await broker.fetch()) == ["a"]
    lengths = [await broker.redis("XLEN", s) for s in broker.keys.streams(broker.queue)]
    assert sum(lengths) == 0
    assert await broker.renew() == 1


@pytest.mark.parametrize(("slots", "touches"), [(1, 64), (16, 64), (50, 200)])
async def test_touches_are_bounded(broker: Broker, slots: int, touches: int) -> None:
    """A fetch looks at max(64, 4 x slots) entries and then says that there may be more."""
    names = [f"cancelled-{n}" for n in range(300)]
    await broker.enqueue(*names)
    await broker.redis("DEL", *(broker.keys.job(broker.queue, name) for name in names))
    await broker.enqueue("a")
    await broker.swallow()
    fetched = await broker.run(broker.fetching(slots=slots))
    assert (fetched.status, fetched.deliveries) == ("more", [])
    assert await broker.length("ready:2") == 301 - touches
    assert await broker.token() == 1
    for _ in range(299 // touches):
        last = await broker.fetch(slots=slots)
    assert ids(last) == ["a"]


async def test_an_answer_is_bounded(broker: Broker) -> None:
    """Large jobs come in portions, each once and in order; a token says that there are more."""
    spec = packb(Spec(SPEC_VERSION, None, b"x" * 300_000))
    names = [f"large-{n}" for n in range(150)]
    for first in range(0, 150, 30):
        await broker.enqueue(*names[first : first + 30], spec=spec)
    await broker.swallow()
    got, tokens = [], []
    for _ in range(4):
        got.append(await broker.run(broker.fetching(slots=1000)))
        tokens.append(await broker.token())
    assert [each.status for each in got] == ["more", "more", "ok", "ok"]
    assert [len(each.deliveries) for each in got] == [64, 64, 22, 0]
    assert [d.id for each in got for d in each.deliveries] == names
    assert tokens == [1, 1, 0, 0]


async def test_a_large_job_behind_small_ones(broker: Broker) -> None:
    """What the small ones let expect is no promise: the rest comes with the next fetch."""
    await broker.enqueue(*(f"small-{n}" for n in range(100)))
    spec = packb(Spec(SPEC_VERSION, None, b"x" * 1_000_000))
    for n in range(40):
        await broker.enqueue(f"large-{n}", spec=spec)
    got = [ids(await broker.fetch(slots=1000)) for _ in range(2)]
    assert [len(each) for each in got] == [128, 12]
    assert [*got[0], *got[1]] == [
        *(f"small-{n}" for n in range(100)),
        *(f"large-{n}" for n in range(40)),
    ]


async def test_tokens(broker: Broker) -> None:
    """A token is a uuid7 of the server's time; no two of one fetch or of two are alike."""
    await broker.enqueue(*(f"job-{n}" for n in range(3000)))
    before = await broker.now_ms()
    tokens = [d.token for n in range(3) for d in await broker.fetch(f"w{n}", 1000)]
    after = await broker.now_ms()
    assert len(set(tokens)) == 3000
    for token in tokens:
        uuid = UUID(token)
        assert (str(uuid), uuid.version, uuid.variant) == (token, 7, "specified in RFC 4122")
        assert before <= uuid.int >> 80 <= after


async def test_tokens_of_a_huge_fetch(broker: Broker) -> None:
    """More tokens in one call than a millisecond can hold are still valid, unique, in order."""
    size = 10_000
    await broker.enqueue(*(f"job-{n}" for n in range(size)))
    tokens = [d.token for d in await broker.fetch("w1", size)]
    assert len(set(tokens)) == len(tokens) == size
    assert all(UUID(token).version == 7 and len(token) == 36 for token in tokens)
    assert tokens == sorted(tokens)


async def test_fence_grows(broker: Broker) -> None:
    """The fencing number of a job grows with each delivery, however that came about."""
    fences = []
    await broker.enqueue("a")
    for step in (broker.release, broker.fail, None, broker.release, broker.fail, None):
        delivery = await broker.take()
        fences.append(delivery.fence)
        await (step(delivery) if step else broker.crash())
        await broker.promote()
    assert fences == sorted(set(fences))
    now_us = await broker.now_ms() * 1000
    assert all(abs(now_us - fence) < 60_000_000 for fence in fences)


async def test_fence_grows_when_the_clock_steps_back(broker: Broker) -> None:
    """A failover to a server whose clock is behind repeats no fencing number."""
    future = await broker.now_ms() + HOUR_MS
    await broker.enqueue("a", "b")
    a, b = await broker.fetch()
    ahead = f"{future:012x}"
    token = f"{ahead[:8]}-{ahead[8:]}{b.token[13:]}"
    await broker.crash()
    await broker.redis("HSET", broker.keys.state(broker.queue, "a"), "fence", future * 1000)
    await broker.redis("HSET", broker.keys.state(broker.queue, "b"), "token", token)
    first = {d.id: d.fence for d in await broker.fetch("w2")}
    assert first["a"] == future * 1000 + 1
    assert first["b"] > future * 1000
    await broker.crash("w2")
    second = {d.id: d.fence for d in await broker.fetch("w3", budget=9)}
    assert second == {"a": first["a"] + 1, "b": first["b"] + 1}
    assert a.fence < first["a"]


async def test_lease(broker: Broker) -> None:
    """The fetch that delivers sets the lease, by the server's clock."""
    await broker.enqueue("a")
    before = await broker.now_ms()
    await broker.fetch(lease_ms=20_000)
    assert before + 20_000 <= (await broker.lease() or 0) <= await broker.now_ms() + 20_000


async def test_idle_workers_leave_nothing(broker: Broker) -> None:
    """A worker that never got a job has a lease too: its end is seen, and the lease is gone."""
    assert await broker.fetch() == []
    assert (await broker.crash()).returned == 0
    assert await broker.lease() is None
