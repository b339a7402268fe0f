"""``enqueue`` stores jobs whole, once, and ready at the right time."""

import msgspec
import pytest

from jobqueue.domain.jobs import SPEC_VERSION, Spec
from tests.support.broker import HOUR_MS, SPEC, Broker, ids

ODD = ["!", "~" * 200, "a{b}c", "{x}:job:{y}", "%s%d%w+*?^$", "'\"\\;--", "0-0", "ready:2", "-"]
MIB = 1024 * 1024


async def test_ready_at_once(broker: Broker) -> None:
    """A job without a time is ready, and comes with everything that was stored."""
    before = await broker.now_ms()
    assert await broker.enqueue("a", name="send.mail:v2/x-1", priority=1) == "c"
    delivery = await broker.take()
    assert (delivery.id, delivery.name, delivery.priority) == ("a", "send.mail:v2/x-1", 1)
    assert (delivery.run, delivery.attempts, delivery.delivery, delivery.crashes) == (0, 0, 1, 0)
    assert before <= delivery.enqueued_ms <= delivery.ready_ms <= await broker.now_ms()
    assert bytes(delivery.spec) == SPEC


async def test_order_of_a_batch(broker: Broker) -> None:
    """The jobs of a batch, and of one batch after the other, run in their order."""
    await broker.enqueue("a", "b", "c")
    await broker.enqueue("d", "e")
    assert ids(await broker.fetch()) == ["a", "b", "c", "d", "e"]


async def test_nothing(broker: Broker) -> None:
    """An empty batch is answered and stores nothing."""
    assert await broker.enqueue() == ""
    assert await broker.token() == 0


@pytest.mark.parametrize("id_", ODD)
async def test_odd_ids(broker: Broker, id_: str) -> None:
    """Any printable ASCII makes an id; nothing in it means anything to a script."""
    assert await broker.enqueue(id_) == "c"
    assert await broker.enqueue(id_) == "x"
    delivery = await broker.take()
    assert delivery.id == id_
    await broker.watch(id_)
    await broker.fail(delivery)
    await broker.promote()
    await broker.release(await broker.take())
    await broker.crash()
    [delivery] = await broker.fetch("w2")
    assert await broker.finish(delivery, worker="w2") == "k"
    await broker.recorded()
    assert not await broker.exists(id_)


@pytest.mark.parametrize("size", [0, 31, 32, 255, 256, 65_536, MIB])
async def test_payload(broker: Broker, size: int) -> None:
    """Arguments arrive as they were sent, whatever their size and whatever is in them."""
    text = ("äöü€𝄞\n\x01 \r\t" * (size // 16 + 1)).encode()[:size].decode("utf-8", "ignore")
    arguments = msgspec.json.encode({"text": text, "binary": bytes(range(256))})
    spec = Spec(SPEC_VERSION, None, arguments, tags=("ü", "b"), metadata=b'{"k":"\xc3\xbc"}')
    await broker.enqueue("a", spec=msgspec.msgpack.encode(spec))
    delivery = await broker.take()
    assert msgspec.msgpack.decode(delivery.spec, type=Spec) == spec
    await broker.release(delivery)
    delivery = await broker.take()
    assert msgspec.msgpack.decode(delivery.spec, type=Spec) == spec
    await broker.finish(delivery)
    assert msgspec.msgpack.decode((await broker.journal())[-1].spec, type=Spec) == spec


@pytest.mark.parametrize("length", [1, 31, 32, 128])
async def test_names(broker: Broker, length: int) -> None:
    """A name may have any allowed length."""
    await broker.enqueue("a", name="n" * length)
    await broker.release(await broker.take())
    assert (await broker.take()).name == "n" * length


async def test_duplicates_in_a_batch(broker: Broker) -> None:
    """The same id twice in one batch makes one job: the first."""
    assert await broker.enqueue("a", "b", "a") == "ccx"
    assert ids(await broker.fetch()) == ["a", "b"]


async def test_taken_ids(broker: Broker) -> None:
    """An id is taken until its job has left Redis, whatever state the job is in."""
    assert await broker.enqueue("a", delay_ms=HOUR_MS) == "c"
    assert await broker.enqueue("a", "b") == "xc"  # scheduled
    await broker.mature("a")
    await broker.promote()
    assert await broker.enqueue("a", priority=0) == "x"  # ready
    first, _ = await broker.fetch()
    assert await broker.enqueue("a", "b") == "xx"  # running
    await broker.fail(first, HOUR_MS)
    assert await broker.enqueue("b", "a") == "xx"  # retrying


async def test_id_of_a_kept_result(broker: Broker) -> None:
    """An id is taken while its result is kept, and free when nothing is left."""
    await broker.enqueue("a")
    await broker.finish(await broker.take(), fields=["result", "1"])
    assert await broker.enqueue("a") == "x"
    await broker.recorded(keep_ms=HOUR_MS)
    assert await broker.enqueue("a") == "x"
    await broker.redis("DEL", broker.keys.state(broker.queue, "a"))
    assert await broker.enqueue("a") == "c"
    assert (await broker.take()).delivery == 1


@pytest.mark.parametrize("when", [{"delay_ms": 0}, {"at_ms": 1}, {"delay_ms": None}])
async def test_due_already(broker: Broker, when: dict[str, int | None]) -> None:
    """A time that has come already means ready now, without a promotion."""
    await broker.enqueue("a", **when)
    assert ids(await broker.fetch()) == ["a"]


async def test_delay_by_the_servers_clock(broker: Broker) -> None:
    """A delay counts from the server's time; nothing is ready before."""
    before = await broker.now_ms()
    await broker.enqueue("a", delay_ms=HOUR_MS, priority=3)
    due = int(await broker.redis("ZSCORE", broker.keys.scheduled(broker.queue), "a"))
    assert before + HOUR_MS <= due <= await broker.now_ms() + HOUR_MS
    assert await broker.fetch() == []
    assert (await broker.promote()).count == 0
    await broker.mature("a")
    assert (await broker.promote()).count == 1
    assert (await broker.take()).priority == 3


async def test_time(broker: Broker) -> None:
    """A job for a given time is due exactly then."""
    at = await broker.now_ms() + HOUR_MS
    await broker.enqueue("a", at_ms=at)
    assert (await broker.promote()).next_ms == at


@pytest.mark.parametrize("size", [1000, 10_000])
async def test_big_batch(broker: Broker, size: int) -> None:
    """A batch may be large: Lua's limit on unpacked values is nobody's limit."""
    names = [f"job-{n:05}" for n in range(size)]
    assert await broker.enqueue(*names) == "c" * size
    got = await broker.fetch("w1", size)
    assert ids(got) == names
    assert len({d.token for d in got}) == size
    assert await broker.finish(*got) == "k" * size
    await broker.recorded()
    assert not await broker.journal()


async def test_big_batch_later(broker: Broker) -> None:
    """A large batch may be scheduled, promoted at once and released at once."""
    names = [f"job-{n:05}" for n in range(10_000)]
    await broker.enqueue(*names, delay_ms=HOUR_MS)
    await broker.mature(*names)
    assert (await broker.promote(20_000)).count == 10_000
    got = await broker.fetch("w1", 10_000)
    assert await broker.release(*got) == "k" * 10_000
    assert ids(await broker.fetch("w1", 10_000)) == names
