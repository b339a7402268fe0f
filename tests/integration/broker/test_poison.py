"""Crashes have a budget, and a job on its last life takes no other such job with it."""

from itertools import count

import pytest

from tests.support.broker import Broker, ids


async def poison(broker: Broker, *names: str, crashes: int = 2, **options: object) -> None:
    """Enqueue jobs and let workers die while they run them."""
    await broker.enqueue(*names, **options)
    for n in range(crashes):
        # Each by itself: a worker takes only one job on its last life.
        for i in range(len(names)):
            await broker.fetch(f"dying-{n}-{i}", 1)
        for i in range(len(names)):
            await broker.crash(f"dying-{n}-{i}")


async def test_budget(broker: Broker) -> None:
    """The crash that uses up the budget makes a dead letter; attempts are not touched."""
    await broker.enqueue("a")
    for crashes in range(3):
        delivery = await broker.take("w1")
        assert (delivery.crashes, delivery.attempts) == (crashes, 0)
        taken = await broker.crash("w1")
        assert (taken.returned, taken.ended) == ((1, 0) if crashes < 2 else (0, 1))
    rows = await broker.journal()
    assert [(row.outcome, row.final, row.crashes) for row in rows] == [
        ("lost", False, 1),
        ("lost", False, 2),
        ("lost", True, 3),
    ]
    assert [row.reason for row in rows] == ["", "", "worker_lost"]
    assert (await broker.state("a"))["state"] == "dead"
    assert await broker.fetch("w2") == []


@pytest.mark.parametrize("budget", [1, 2, 5])
async def test_any_budget(broker: Broker, budget: int) -> None:
    """A budget of n allows n - 1 crashes; with 1 nothing is ever kept alone."""
    await broker.enqueue("a", "b")
    for crashes in count(1):
        workers = [f"w{crashes}-{i}" for i in range(2)]
        for worker in workers:
            await broker.fetch(worker, 2, budget=budget)
        ended = sum([(await broker.crash(w, budget=budget)).ended for w in workers])
        if ended:
            break
    assert (crashes, ended) == (budget, 2)


async def test_counted_failures_keep_crashes(broker: Broker) -> None:
    """Crashes and attempts are separate budgets: a failure in between forgets no crash."""
    await poison(broker, "a", crashes=1)
    await broker.fail(await broker.take("w1"))
    await broker.promote()
    delivery = await broker.take("w1")
    assert (delivery.crashes, delivery.attempts) == (1, 1)


async def test_one_for_each_worker(broker: Broker) -> None:
    """One fetch brings at most one job on its last life, and others beside it."""
    await poison(broker, "a", "b", "c")
    await broker.enqueue("healthy")
    assert ids(await broker.fetch("w1")) == ["a", "healthy"]
    assert ids(await broker.fetch("w2")) == ["b"]
    assert ids(await broker.fetch("w3")) == ["c"]


async def test_none_beside_another(broker: Broker) -> None:
    """A worker that runs such a job gets no second one, whatever it fetches."""
    await poison(broker, "a", "b")
    await broker.enqueue("healthy")
    await broker.take("w1")
    assert ids(await broker.fetch("w1", alone=True)) == ["healthy"]
    assert await broker.fetch("w1", alone=True) == []
    assert ids(await broker.fetch("w1", alone=False)) == ["b"]


async def test_kept_back_in_front(broker: Broker) -> None:
    """What was kept back still goes before what waits, and a higher priority before both."""
    await poison(broker, "b1", "b2", priority=2)
    await poison(broker, "a", priority=1)
    await broker.enqueue("healthy", priority=2)
    await broker.fetch("w1", 1)
    await broker.fetch("w1", 10, alone=True, lease_ms=60_000)
    await broker.enqueue("later", priority=2)
    await broker.enqueue("urgent", priority=0)
    got = [id_ for n in range(5) for id_ in ids(await broker.fetch(f"v{n}", 1))]
    assert got == ["urgent", "b1", "b2", "later"]


@pytest.mark.parametrize("slots", [1, 100])
async def test_many_do_not_starve_others(broker: Broker, slots: int) -> None:
    """A hundred jobs on their last life keep no healthy job from a worker that runs one."""
    names = [f"poison-{n:03}" for n in range(100)]
    await poison(broker, *names)
    await broker.take("w1")
    await broker.enqueue("healthy")
    got = []
    for _ in range(3):
        fetched = await broker.run(broker.fetching("w1", slots, alone=True))
        got += ids(fetched.deliveries)
    assert got == ["healthy"]
    assert fetched.status == "ok", "nothing that this worker could run remains"


async def test_kept_back_wakes_others(broker: Broker) -> None:
    """What this worker must not take, another may: the token goes on, from one to the next."""
    await poison(broker, "a", "b", "c")
    await broker.swallow()
    await broker.fetch("w1", 10)
    assert await broker.token() == 1
    await broker.swallow()
    await broker.fetch("w1", 10, alone=True)
    assert await broker.token() == 0, "or it would wake itself without end"
    await broker.fetch("w2", 10)
    assert await broker.token() == 1
    await broker.swallow()
    await broker.fetch("w3", 10)
    assert await broker.token() == 0


async def test_end_wakes_for_the_next(broker: Broker) -> None:
    """When a job on its last life ends, its worker is told to look for the next one."""
    await poison(broker, "a", "b")
    [a] = await broker.fetch("w1", 10)
    await broker.swallow()
    await broker.finish(a)
    assert await broker.token() == 1
    assert ids(await broker.fetch("w1", 10)) == ["b"]


async def test_kept_back_and_gone(broker: Broker) -> None:
    """A job that vanished while it was kept back is skipped."""
    await poison(broker, "a", "b", "c")
    await broker.fetch("w1", 10)
    await broker.redis("DEL", broker.keys.job(broker.queue, "b"))
    await broker.redis("DEL", broker.keys.state(broker.queue, "b"))
    await broker.redis("DEL", broker.key("noted"))
    assert await broker.fetch("w2", 10) == []
    assert ids(await broker.fetch("w2", 10)) == ["c"]
