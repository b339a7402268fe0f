"""A record that no row can hold stops nobody."""

from typing import Any

import msgspec
import pytest

from jobqueue.domain.executions import Execution
from tests.integration.history.records import dead, record
from tests.integration.recorder.conftest import Ask, arrived, journal_is_empty
from tests.support.stage import Stage
from tests.support.waiting import wait_until


async def bad_ones(stage: Stage) -> list[bytes]:
    """Return the raw records that were put aside."""
    key = stage.broker.keys.journal_bad("default")
    return [fields[1] for _, fields in await stage.broker.redis("XRANGE", key, "-", "+")]


UNREADABLE = {
    "no msgpack": b"\xc1",
    "another shape": msgspec.msgpack.encode({"id": "x"}),
    "too short": msgspec.msgpack.encode([[1, "x"]]),
    "empty": b"",
}


@pytest.mark.parametrize("kind", UNREADABLE)
async def test_what_is_no_record(stage: Stage, ask: Ask, kind: str) -> None:
    """It goes to ``journal:bad`` as it is, once, and the records around it become rows."""

    @stage.app.job()
    async def work() -> None: ...

    raw, key = UNREADABLE[kind], stage.broker.keys.journal("default")
    async with stage.app.worker():
        first = await work.enqueue()
        await stage.ended(first.id)
        await stage.broker.redis("XADD", key, "*", "r", raw)
        second = await work.enqueue()

        async def three() -> bool:
            return bool(await stage.broker.redis("XLEN", key) == 3)

        await wait_until(three, description="three records")
        async with stage.app.scheduler() as scheduler:
            await journal_is_empty(stage)
            assert scheduler.problems == []
    kept = msgspec.msgpack.encode([1, "x"]) if kind == "too short" else raw
    assert await bad_ones(stage) == [kept]
    assert [row[0] for row in await arrived(ask, 2)] == [first.id, second.id]


REFUSED: dict[str, dict[str, Any]] = {
    "no uuid": {"id": "not-a-uuid"},
    "nul": {"error_message": "a\0b"},
    "no priority": {"priority": 9},
    "far future": {"retry_ms": 1 << 62},
    "bad result": {"result": b"{not json"},
    "bad spec": {"spec": msgspec.Raw(b"\x92\x01\xc4\x02{]")},
    "no spec": {"spec": msgspec.Raw(b"\xc0")},
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("make", [record, dead], ids=["row", "letter"])
async def test_what_postgresql_refuses(stage: Stage, ask: Ask, kind: str, make: Any) -> None:
    """It leaves a row without its data where it can, its raw form is kept, and the rest goes on."""
    bad: Execution = make(**REFUSED[kind])
    good = [record() for _ in range(5)]
    await stage.broker.redis("SADD", stage.broker.keys.queues, "default")
    for each in (*good[:3], bad, *good[3:]):
        raw = msgspec.msgpack.encode([each])
        await stage.broker.redis("XADD", stage.broker.keys.journal("default"), "*", "r", raw)
    async with stage.app.scheduler() as scheduler:
        await journal_is_empty(stage)
        assert scheduler.problems == []
    stub = 0 if kind in {"no uuid", "no priority", "far future"} else 1
    found = await arrived(ask, 5 + stub)
    assert {each.job_id for each in good} <= {row[0] for row in found}
    assert await bad_ones(stage) == [msgspec.msgpack.encode(bad)]


async def test_a_job_whose_spec_nobody_can_read(stage: Stage, ask: Ask) -> None:
    """A worker ends it, its row says why, and the recorder lives on."""

    @stage.app.job()
    async def work() -> None: ...

    await stage.broker.redis("SADD", stage.broker.keys.queues, "default")
    await stage.broker.enqueue("broken", name="work", spec=b"\x92\x01\xc4\x02{]")
    async with stage.app.worker(), stage.app.scheduler() as scheduler:
        await arrived(ask, 1)
        job = await work.enqueue()
        assert await arrived(ask, 2) == [
            ("broken", 1, "failed", True),
            (job.id, 1, "succeeded", True),
        ]
        assert scheduler.problems == []
