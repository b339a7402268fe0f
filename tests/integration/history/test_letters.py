"""Dead letters: found, paged through, and put back once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from jobqueue.domain.jobs import Priority
from jobqueue.domain.letters import Which
from jobqueue.history import claims, engine, letters
from jobqueue.history.writer import HistoryWriter
from tests.integration.history.conftest import Ask
from tests.integration.history.records import NOON, dead, milliseconds, record, uuid7


@pytest.fixture
async def history(history_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine as the CLI has it."""
    history = engine.create(history_url, "cli")
    yield history
    await history.dispose()


ANY = Which()


async def bury(writer: HistoryWriter, count: int = 1, **fields: object) -> list[str]:
    """Make dead letters a second apart; return their execution ids, newest first."""
    batch = [dead(moment=NOON + timedelta(seconds=n), **fields) for n in range(count)]
    await writer.write([*batch, record()])
    return [letter.id for letter in reversed(batch)]


async def test_a_letter(writer: HistoryWriter, history: AsyncEngine) -> None:
    """A letter has all that a redrive and a person need."""
    buried = dead(job_id="j", priority=1, run=2)
    await writer.write([buried])
    (letter,) = await letters.page(history)
    assert (letter.execution_id, letter.job_id, letter.run) == (buried.id, "j", 2)
    # Only a redrive reads the spec: it holds redacted arguments as they are.
    assert (letter.priority, letter.spec) == (Priority.HIGH, b"")
    assert (letter.attempts, letter.error_message) == (4, "no such address")
    assert letter.failed_at == NOON + timedelta(microseconds=1500)


async def test_pages(writer: HistoryWriter, history: AsyncEngine) -> None:
    """Pages go by the time of failure, newest first, with none doubled or left out.

    A job that was handed out first may die last, several die at one moment, and a letter at
    the end of a page may be closed before the next page is asked for.
    """
    moments = [9, 1, 1, 1, 5, 7, 3]
    batch = [
        dead(moment=NOON + timedelta(seconds=n), finished_us=(milliseconds(NOON) + at) * 1000)
        for n, at in enumerate(moments)
    ]
    await writer.write(batch)
    ids = [each.id for each in sorted(batch, key=lambda each: (each.finished_us, each.id))]
    found: list[str] = []
    while page := await letters.page(history, before=found[-1] if found else None, limit=3):
        found += [letter.execution_id for letter in page]
        async with claims.claim(history, [found[-1]]) as claim:
            claim.done(claim.letters[0])
    assert found == ids[::-1]


async def test_oldest_first(writer: HistoryWriter, history: AsyncEngine) -> None:
    """A redrive goes the other way, up to the letter that was the newest when it began."""
    ids = await bury(writer, 5)
    extent = await letters.extent(history, ANY)
    assert (extent.count, extent.last and extent.last.execution_id) == (5, ids[0])
    await writer.write([dead(moment=NOON + timedelta(hours=1))])
    found: list[letters.Place] = []
    assert extent.last
    while page := await letters.ascending(
        history, ANY, found[-1] if found else None, extent.last, 2
    ):
        found += page
    assert [each.execution_id for each in found] == ids[::-1]


@pytest.mark.parametrize("place", [None, letters.Place(NOON + timedelta(seconds=900), uuid7())])
@pytest.mark.parametrize(
    ("chosen", "index"),
    [
        (ANY, "open_failed"),
        (Which(name="send_email"), "open_name_failed"),
        (Which(queue="default"), "open_queue_failed"),
        (Which(error="builtins.ValueError"), "open_type_failed"),
        (Which(error="0123456789ab"), "open_error_failed"),
        (Which(since=NOON + timedelta(seconds=600)), "open_failed"),
    ],
)
async def test_lists_use_an_index(
    writer: HistoryWriter,
    history: AsyncEngine,
    ask: Ask,
    chosen: Which,
    index: str,
    place: letters.Place | None,
) -> None:
    """A page is read by its index, and so is a redrive's."""
    await bury(writer, 1000)
    # Each filter chooses few letters, as it does where there are many.
    ask(
        """
        UPDATE jobqueue.dead_letters SET (name, queue, error_type, error_fingerprint)
            = (execution_id::text, execution_id::text, execution_id::text, execution_id::text)
        WHERE failed_at > %s
        """,
        NOON + timedelta(seconds=90),
    )
    ask("ANALYZE jobqueue.dead_letters")
    last = letters.Place(NOON + timedelta(days=1), uuid7())
    statements = (
        letters.page_of(chosen, place, 10),
        letters.ascending_of(chosen, place, last, 10),
    )
    for each in statements:
        text = each.compile(dialect=history.dialect, compile_kwargs={"literal_binds": True})
        plan = str(ask(f"EXPLAIN {text}"))
        assert f"dead_letters_{index}" in plan
        assert place or "Sort" not in plan  # of a few rows it may sort them


async def test_filters(writer: HistoryWriter, history: AsyncEngine) -> None:
    """Name, queue and job each narrow the list, together too."""
    await bury(writer, name="a", queue="x")
    (wanted,) = await bury(writer, name="a", queue="y", job_id="j")
    await bury(writer, name="b", queue="y")
    assert len(await letters.page(history, Which(name="a"))) == 2
    assert len(await letters.page(history, Which(queue="y"))) == 2
    both = await letters.page(history, Which(name="a", queue="y"))
    job = await letters.of_jobs(history, ["j"])
    assert [letter.execution_id for letter in both + job] == [wanted, wanted]
    assert await letters.page(history, Which(name="none")) == []


async def test_by_id(writer: HistoryWriter, history: AsyncEngine) -> None:
    """Known ids are found, whatever else is asked for."""
    (known, other) = await bury(writer, 2)
    unknown = f"{other[:-4]}ffff"  # a record of this test run never has such a number
    found = await letters.by_id(history, ["nonsense", known, unknown])
    assert [letter.execution_id for letter in found] == [known]
    assert await letters.by_id(history, []) == []


async def test_a_page_before_nonsense(history: AsyncEngine) -> None:
    """A page mark that is no id, or that of no letter, is refused."""
    for mark in ("nonsense", uuid7()):
        with pytest.raises(ValueError, match=r"UUID|-"):
            await letters.page(history, before=mark)


async def test_claim_marks_what_is_done(writer: HistoryWriter, history: AsyncEngine) -> None:
    """Only letters whose jobs went back are marked, and they leave the list."""
    ids = await bury(writer, 3)
    async with claims.claim(history, ids[:2]) as claim:
        assert [letter.execution_id for letter in claim.letters] == ids[1::-1]
        claim.done(claim.letters[1])
    assert [letter.execution_id for letter in await letters.page(history)] == ids[1:]
    (marked,) = await letters.by_id(history, ids[:1])
    assert marked.redriven_at is not None


async def test_claim_after_an_error(writer: HistoryWriter, history: AsyncEngine) -> None:
    """What went back before Redis failed is marked all the same."""
    ids = await bury(writer, 2)

    async def redrive() -> None:
        async with claims.claim(history, ids) as claim:
            claim.done(claim.letters[1])
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await redrive()
    assert [letter.execution_id for letter in await letters.page(history)] == ids[1:]


async def test_two_claims(writer: HistoryWriter, history: AsyncEngine) -> None:
    """Two people who redrive the same letters: each letter is in one claim only."""
    ids = await bury(writer, 5)

    async def redrive() -> list[str]:
        async with claims.claim(history, ids) as claim:
            for letter in claim.letters:
                await asyncio.sleep(0)
                claim.done(letter)
        return [letter.execution_id for letter in claim.letters]

    claimed = await asyncio.gather(redrive(), redrive())
    assert sorted(claimed, key=len) == [[], ids[::-1]]


async def test_a_deleted_letter(writer: HistoryWriter, history: AsyncEngine, ask: Ask) -> None:
    """A deleted letter is neither listed nor claimed; its id still finds it."""
    ids = await bury(writer)
    ask("UPDATE jobqueue.dead_letters SET deleted_at = now()")
    assert await letters.page(history) == []
    async with claims.claim(history, ids) as claim:
        assert claim.letters == []
    assert len(await letters.by_id(history, ids)) == 1


async def test_redriven_and_dead_again(writer: HistoryWriter, history: AsyncEngine) -> None:
    """A job that dies again after its redrive is a letter again, of its next run."""
    ids = await bury(writer, job_id="j")
    async with claims.claim(history, ids) as claim:
        claim.done(claim.letters[0])
    await writer.write([dead(job_id="j", run=1)])
    assert [letter.run for letter in await letters.of_jobs(history, ["j"])] == [1]


async def test_letters_of_an_older_version(
    writer: HistoryWriter, history: AsyncEngine, ask: Ask
) -> None:
    """Who wrote no fingerprint is grouped by type, and found by it."""
    await bury(writer, 2, error_type="A")
    await bury(writer, error_type="B")
    ask("UPDATE jobqueue.dead_letters SET error_fingerprint = NULL")
    found = await letters.groups(history, Which(), 10)
    assert [(each.fingerprint, each.error_type, each.count) for each in found] == [
        (None, "A", 2), (None, "B", 1),
    ]  # fmt: skip
    assert len(await letters.page(history, Which(error="A"))) == 2
