"""What an examination learns of a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobqueue.history import checkup, engine, partitions
from jobqueue.history.checkup import examine
from jobqueue.history.tables import REVISION
from jobqueue.history.writer import HistoryWriter
from tests.integration.history.conftest import Ask
from tests.integration.history.records import milliseconds, record

NOW = datetime.now(UTC)


def took(milli: int, **fields: Any) -> Any:
    """Return a record of a run that took so long."""
    finished = (milliseconds(NOW) + milli) * 1000
    return record(NOW, finished_us=finished, **fields)


async def test_how_long_runs_take(writer: HistoryWriter, history_url: str) -> None:
    """Of the names that are asked for, or of all; runs that never began do not count."""
    runs = [took(each) for each in range(1, 1001)]
    await writer.write([*runs, took(5000, outcome="timed_out"), took(9, name="other")])
    await writer.write([record(NOW, outcome="expired", started_us=0, worker="")])
    _, durations = await examine(history_url, ["send_email", "unheard_of"], every=False)
    assert durations is not None
    [found] = durations
    assert (found.name, found.runs, found.timed_out) == ("send_email", 1001, 1)
    assert found.p999 == pytest.approx(1.0)
    _, all_names = await examine(history_url, [], every=True)
    assert [each.name for each in all_names or ()] == ["other", "send_email"]
    _, nobody = await examine(history_url, [], every=False)
    assert nobody == []


async def test_durations_that_take_long(
    writer: HistoryWriter, history_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL is stopped where it needs too long, and the rest is told."""
    await writer.write([took(1)])
    slow = "SELECT pg_sleep(60), %(latest)s::int, %(all)s::bool, %(names)s::text[]"
    monkeypatch.setattr(checkup, "_DURATIONS", slow)
    monkeypatch.setattr(checkup, "LONGEST", 0.1)
    found, durations = await examine(history_url, [], every=True)
    assert (found.mismatch, durations) == (None, None)


async def test_a_database_as_it_should_be(history_url: str) -> None:
    """Revision, months, tables and clock are told."""
    async with await engine.connect(history_url, "scheduler") as connection:
        await partitions.ensure(connection)
    found, _ = await examine(history_url, [], every=False)
    assert (found.revision, found.mismatch, found.standby) == (REVISION, None, False)
    assert f"{found.now:%Y-%m}" in found.partitions
    assert len(found.partitions) == 3
    assert "dead_letters" in {each.name for each in found.tables}
    assert abs(found.offset) < 1
    assert abs(found.now - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_older_schema_and_none(history_url: str, postgres_url: str, ask: Ask) -> None:
    """What does not fit is told with the command, and the rest is not asked."""
    ask("UPDATE jobqueue.alembic_version SET version_num = '0001'")
    found, durations = await examine(history_url, [], every=True)
    assert found.revision == "0001"
    assert "jobqueue db upgrade" in (found.mismatch or "")
    assert durations == []
    found, _ = await examine(postgres_url, [], every=True)
    assert found.revision is None
    assert "missing" in (found.mismatch or "")
    assert (found.partitions, found.tables) == ([], [])
