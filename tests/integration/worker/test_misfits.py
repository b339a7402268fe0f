"""Jobs that no handler here can run: an unknown name waits, wrong arguments end the job."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from jobqueue.worker import runner
from tests.support.keyspace import miscounted
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until

UNKNOWN = "no handler for this job; it waits for a worker that has one"


async def handed_back(stage: Stage, job_id: str, delivery: int) -> float:
    """Wait until a delivery was handed back; return the seconds until the next one."""

    async def there() -> bool:
        live = await stage.broker.state(job_id)
        return live.get("state") == "scheduled" and int(live.get("deliveries", 1)) == delivery

    await wait_until(there, description=f"{job_id} handed back for the time number {delivery}")
    due = await stage.broker.redis("ZSCORE", stage.broker.keys.scheduled("default"), job_id)
    return float(due - await stage.broker.now_ms()) / 1000


async def test_an_unknown_name_waits(
    stage: Stage, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It waits 1 s, doubling to 30 s, at no cost and without a row, and is logged once a minute."""
    job = await stage.app.ref("later").options(retry=0).enqueue()
    async with stage.app.worker():
        for delivery, wait in enumerate([1, 2, 4, 8, 16, 30, 30], start=1):
            left = await handed_back(stage, job.id, delivery)
            assert wait - 1 < left <= wait
            await stage.broker.mature(job.id)
            await stage.broker.promote()
        await handed_back(stage, job.id, 8)
    assert await stage.rows() == []
    assert caplog.messages.count(UNKNOWN) == 1
    assert miscounted(redis_url) == []

    async with stage_on(redis_url) as newer:

        @newer.app.job()
        async def later() -> None:
            newer.log.append("ran")

        await stage.broker.mature(job.id)
        await stage.broker.promote()
        async with newer.app.worker():
            [row] = await newer.ended(job.id)
    assert (row.outcome, row.attempt, row.delivery) == ("succeeded", 1, 9)


async def test_an_unknown_name_is_logged_again(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log line comes again when its minute is over, and for each name on its own."""
    monkeypatch.setattr(runner, "UNKNOWN_EVERY", 0.0)
    for name in ("one", "two", "two"):
        await stage.app.ref(name).enqueue()
    async with stage.app.worker():
        await wait_until(lambda: caplog.messages.count(UNKNOWN) == 3, description="three lines")


@dataclass
class Picky:
    """Raises when it is made."""

    kind: str

    def __post_init__(self) -> None:
        raise {"key": KeyError("kind"), "value": ValueError("odd"), "exit": SystemExit(3)}[
            self.kind
        ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"number": "three"}, "Expected `int`, got `str`"),
        ({}, "missing required field `number`"),
        ({"number": 1, "other": 2}, "unknown field `other`"),
        ({"number": 1, "picky": {"kind": "value"}}, "odd"),
        ({"number": 1, "picky": {"kind": "key"}}, "'kind'"),
        ({"number": 1, "picky": {"kind": "exit"}}, "SystemExit: 3"),
    ],
    ids=["type", "missing", "surplus", "value", "key", "exit"],
)
async def test_wrong_arguments_end_the_job(
    stage: Stage, arguments: dict[str, Any], message: str
) -> None:
    """Arguments that don't fit are a dead letter at once, with attempt 0: the handler never ran."""

    @stage.app.job(name="count")
    async def count(number: int, picky: Picky | None = None) -> None:
        stage.log.append((number, picky))

    spec = msgspec.msgpack.encode((1, None, msgspec.json.encode(arguments)))
    await stage.broker.enqueue("wrong", name="count", spec=spec)
    async with stage.app.worker():
        [row] = await stage.ended("wrong")
    assert (row.outcome, row.reason, row.attempt, row.delivery) == ("failed", "mismatch", 0, 1)
    assert (row.started_us, row.error_type) == (0, "jobqueue.Mismatch")
    assert message in (row.error_message or "")
    assert (stage.log, await stage.state("wrong")) == ([], "dead")


@pytest.mark.parametrize("spec", [b"\xc0", b"\x93\x01\xc0\xc4\x02{]", b"\x91\xa1x"])
async def test_a_spec_that_can_not_be_read(stage: Stage, spec: bytes) -> None:
    """A spec that is no spec is a dead letter too, and the worker goes on."""

    @stage.app.job()
    async def work() -> None:
        stage.log.append("ran")

    await stage.broker.enqueue("broken", name="work", spec=spec)
    await work.enqueue()
    async with stage.app.worker(concurrency=1):
        [row] = await stage.ended("broken")
        await stage.logged(1)
    assert (row.outcome, row.reason, row.attempt) == ("failed", "mismatch", 0)
