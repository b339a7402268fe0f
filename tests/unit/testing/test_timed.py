"""The scripts of a test differ from those of production in their clock, and in nothing else."""

from importlib.resources import files

import pytest

from jobqueue.broker.calls import Calls
from jobqueue.broker.keys import Keys
from jobqueue.broker.scripts import script
from jobqueue.testing.timed import TimedCalls

LUA = files("jobqueue.broker") / "lua"
NAMES = sorted(
    path.name.removesuffix(".lua") for path in LUA.iterdir() if path.name.endswith(".lua")
)
CLOCK = (LUA / "lib" / "clock.lua").read_text()
OTHER = (LUA / "testing" / "clock.lua").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_only_the_clock_differs(name: str) -> None:
    """Production's text knows nothing of the test's; the latter has its clock in the same place."""
    production, testing = script(name), script(name, "testing")
    assert OTHER not in production.source
    assert production.source.replace(CLOCK, OTHER) == testing.source
    assert (production.sha == testing.sha) == (CLOCK not in production.source)


def test_every_other_fragment_replaces_one() -> None:
    """A fragment for tests that replaces none would be dead."""
    lib = {path.name for path in (LUA / "lib").iterdir()}
    assert {path.name for path in (LUA / "testing").iterdir()} <= lib


def test_the_time_is_the_last_argument() -> None:
    """A call of production carries no time; a test's carries its own, or nothing."""
    timed, keys = TimedCalls(Keys("test")), Keys("test")
    assert Calls(keys).promote("q", 7).args == (7,)
    assert timed.promote("q", 7).args == (7, "")
    timed.time_us = 1_700_000_000_000_001
    assert timed.promote("q", 7).args == (7, 1_700_000_000_000_001)


def test_the_answer_to_time() -> None:
    """Who asks the server for the time gets the test's while that stands still."""
    timed = TimedCalls(Keys("test"))
    assert timed.now_us([b"1700000000", b"000002"]) == 1_700_000_000_000_002
    timed.time_us = 5
    assert timed.now_us([b"1700000000", b"000002"]) == 5
