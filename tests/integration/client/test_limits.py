"""Limits as an operator sees and sets them."""

import pytest

from jobqueue import ConfigurationError, Rate
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until


async def test_set_and_taken_back(stage: Stage) -> None:
    """What is set counts before what code declares, until it is taken back."""

    @stage.app.job(rate=Rate(5, per=10))
    async def work() -> None: ...

    async with stage.app.worker():
        await work.enqueue()
        [declared] = await stage.app.limits(queue="default")
        assert (declared.label, declared.n, declared.per) == ("rate:job:work", 5, 10)
        [set_] = await stage.app.set_limit("default", "rate:job:work", Rate(7, per=1))
        assert (set_.n, set_.per, set_.declared, set_.set) == (7, 1, "5/10s", "7/1s")
        [back] = await stage.app.set_limit("default", "rate:job:work", None)
        assert (back.n, back.set) == (5, None)


@pytest.mark.parametrize(
    ("label", "value", "words"),
    [
        ("depth:job:work", 5, "names no limit"),
        ("limit:work", 5, "names no limit"),
        ("rate:job:work", 5, "is a rate"),
        ("limit:job:work", Rate(1), "is a number"),
        ("limit:queue", 0, "whole number from 1"),
        ("limit:key:work:account", 1, "no code has declared"),
    ],
)
async def test_wrong_ones(stage: Stage, label: str, value: int | Rate, words: str) -> None:
    """A label or value that can't be is refused, and nothing is set."""
    with pytest.raises(ConfigurationError, match=words):
        await stage.app.set_limit("default", label, value)
    assert await stage.app.limits(queue="default") == []


async def test_scheduled_are_jobs(stage: Stage) -> None:
    """A rate that refills stands in the schedule and is no job of it."""

    @stage.app.job(rate=Rate(1, per=60))
    async def work() -> None:
        stage.log.append(1)

    await stage.app.enqueue_many(work.prepare() for _ in range(3))
    await work.options(delay=60).enqueue()
    async with stage.app.worker():
        await stage.logged(1)
        [counts] = await stage.app.queue_counts(queue="default")
    assert counts.scheduled == 1
    assert counts.names["work"]["blocked"] == 2


async def test_a_queue_of_two_apps(stage: Stage, redis_url: str) -> None:
    """An app that does not declare a queue leaves its limits as another one declared them."""
    stage.app.queue("default", max_depth=7)
    async with stage_on(redis_url) as silent:

        @silent.app.job
        async def work() -> None:
            silent.log.append(1)

        for each in (stage, silent):
            async with each.app.worker():
                await work.enqueue()
                await silent.logged(1) if each is silent else await declared(stage)
    assert await declared(stage) == ["depth:queue"]


async def test_several_rates(stage: Stage) -> None:
    """One handler may have several limits of a kind, and the narrowest one counts."""

    @stage.app.job(rate=[Rate(2, per=60), Rate(100, per=1)])
    async def work(number: int) -> None:
        stage.log.append(number)

    await stage.app.enqueue_many(work.prepare(number) for number in range(4))
    async with stage.app.worker():

        async def aside() -> bool:
            [counts] = await stage.app.queue_counts(queue="default")
            return counts.names["work"].get("blocked") == 2

        await wait_until(aside, description="two jobs stand aside")
    labels = [each.label for each in await stage.app.limits()]
    assert labels == ["rate:job:work", "rate:job:work#2"]


async def declared(stage: Stage) -> list[str]:
    """Wait until there are limits; return their labels."""

    async def there() -> list[str]:
        return [each.label for each in await stage.app.limits(queue="default")]

    return await wait_until(there, description="limits") or []
