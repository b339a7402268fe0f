"""Signals, resources and redaction, without a worker."""

import asyncio
import json
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from jobqueue import ConfigurationError, JobQueue, NoCurrentJob, Signal
from jobqueue.domain.codec import storable
from jobqueue.domain.extensions import Lifespan
from jobqueue.domain.redaction import MASK, SHORTEST, mask, scrub
from jobqueue.domain.spellings import plain

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=SHORTEST)


async def test_a_signal_wakes_everybody() -> None:
    """Waiters on the loop, on other loops and in threads hear of it; who comes late does too."""
    signal = Signal()
    heard: list[str] = []

    async def wait(name: str) -> None:
        await signal
        heard.append(name)

    here = asyncio.create_task(wait("here"))
    there = threading.Thread(target=lambda: asyncio.run(wait("there")))
    blocked = threading.Thread(target=lambda: heard.append(f"thread {signal.wait(10)}"))
    for thread in (there, blocked):
        thread.start()
    await asyncio.sleep(0)
    assert not signal.is_set()
    assert not signal.wait(0)
    signal.set()
    signal.set()
    await here
    for thread in (there, blocked):
        await asyncio.to_thread(thread.join, 10)
    await wait("late")
    assert sorted(heard) == ["here", "late", "there", "thread True"]
    assert signal.is_set()


async def test_a_signal_outlives_its_waiters() -> None:
    """A waiter that gave up, and one whose loop has ended, harm nobody."""
    signal = Signal()

    async def wait() -> None:
        async with asyncio.timeout(0):
            await signal

    with pytest.raises(TimeoutError):
        await wait()
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(asyncio.run, wait())
    assert signal._waiting == []
    ended = asyncio.new_event_loop()
    ended.close()
    signal._waiting.append((ended, asyncio.Event()))
    signal.set()
    assert signal.is_set()


def test_no_generator() -> None:
    """A lifespan is an async generator, and an app has one."""
    app = JobQueue()

    async def plain() -> AsyncIterator[int]:
        raise AssertionError

    with pytest.raises(ConfigurationError, match="write async def with one yield"):
        app.lifespan(plain)  # type: ignore[arg-type]

    async def good() -> AsyncIterator[int]:
        yield 1

    made = app.lifespan(good)
    assert isinstance(made, Lifespan)
    with pytest.raises(ConfigurationError, match="there is one already"):
        app.lifespan(good)
    with pytest.raises(NoCurrentJob):
        _ = made.state


@given(hidden=TEXT, other=TEXT)
@example(hidden="000\\", other="plainly too short")
def test_nothing_of_a_text_is_left(hidden: str, other: str) -> None:
    """A hidden text is not in what is shown, as it is or in a repr."""
    raw = json.dumps({"token": hidden, "visible": other}).encode()
    text = scrub(f"{hidden} {hidden!r} {[hidden]!r}", raw, ["token"])
    if hidden not in MASK * 3:
        assert hidden not in text.replace(MASK, "")
    shown = json.loads(mask(raw, ["token"]))
    assert shown == {"token": MASK, "visible": other}


HARD = "SECR\"ET\n\\ü'X 😀tail+a/b"


def grouped(text: str) -> str:
    """Return how an error in a group in a group is shown."""
    error = ExceptionGroup("outer", [ExceptionGroup("inner", [ValueError(text)])])
    return "".join(traceback.format_exception(error))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "json": json.dumps,
    "json unescaped": lambda text: json.dumps(text, ensure_ascii=False),
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "repr of json": lambda text: repr(KeyError(json.dumps(text))),
    "repr in quotes": lambda text: repr({"a": text, "b": "'"}),
    "ascii": ascii,
    "bytes": lambda text: repr(text.encode()),
    "url": quote,
    "form": quote_plus,
    "group": grouped,
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling(spell: Callable[[str], str]) -> None:
    """Escaped, quoted for a URL or indented in a group: it is hidden, and what is around it not."""
    raw = json.dumps({"token": HARD}).encode()
    text = scrub(f"before {spell(HARD)} after", raw, ["token"])
    assert MASK in text
    assert not [part for part in ("SECR", "ET", "tail", "a/b") if part in text]
    assert text.startswith("before ")
    assert text.endswith(" after")


@given(TEXT, st.sampled_from([n for n in SPELLINGS if n != "group"]), TEXT, TEXT)
@example("00\xc2\xa0", "ascii", "", "")
@example("00\xc2\xa0", "bytes", "", "")
def test_any_spelling(secret: str, spelling: str, before: str, after: str) -> None:
    """Whatever is in it and around it, but for what looks like an escape itself."""
    assume("%" not in secret and "\\" not in secret)  # else it may be a spelling itself
    raw = json.dumps({"token": secret}).encode()
    spelled = SPELLINGS[spelling](secret)
    assume(len(plain(secret)) >= SHORTEST and spelled not in MASK * 3)
    text = scrub(f"{before} {spelled} {after}", raw, ["token"])
    assert spelled not in text.replace(MASK, "\0")


@pytest.mark.parametrize("size", range(120, 150, 5))
def test_what_is_cut_through(size: int) -> None:
    """Where the middle of a text was left out, no part of a value stays at the edges."""
    secret, raw = "0123456789abcdefghij", b'{"token": "0123456789abcdefghij"}'
    for text in ("x" * size + secret + "y" * 400, "y" * 400 + secret + "x" * size):
        shown = scrub(storable(text, 300), raw, ["token"])
        assert "0123" not in shown
        assert "ghij" not in shown


def test_a_line_of_it() -> None:
    """A line of a value that has several is telling by itself, unless it is short."""
    raw = json.dumps({"key": "-- BEGIN --\nMIIEvQIBADAN\nEND\n"}).encode()
    assert scrub("bad line 'MIIEvQIBADAN', no END", raw, ["key"]) == f"bad line '{MASK}', no END"


@pytest.mark.parametrize("value", [True, None, 7, "abc", [], {}, [[1, "x"]]])
def test_what_is_too_short_to_hide(value: object) -> None:
    """Values that would blot out half of every text are left in it."""
    raw = json.dumps({"token": value}).encode()
    text = "True None 7 abc [] {} 1 x, all of it"
    assert scrub(text, raw, ["token"]) == text


def test_the_longest_first() -> None:
    """Where one hidden value is a part of another, both go."""
    raw = json.dumps({"a": "secret", "b": "secret-key"}).encode()
    assert scrub("secret-key and secret", raw, ["a", "b"]) == f"{MASK} and {MASK}"


def test_what_can_not_be_read() -> None:
    """Arguments that are no JSON object hide nothing, and harm nothing."""
    assert scrub("text", b"\xff", ["a"]) == "text"
