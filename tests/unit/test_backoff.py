"""Waits between attempts to reach a server."""

from jobqueue.domain.backoff import FIRST, LONGEST, Pause


def test_doubles_up_to_a_bound() -> None:
    """Each wait is drawn from the upper half of a range that doubles."""
    pause, top = Pause(), FIRST
    for _ in range(20):
        assert top / 2 <= pause.take() <= top
        top = min(LONGEST, top * 2)
    assert top == LONGEST


def test_begins_again() -> None:
    """After a success waits are short again."""
    pause = Pause()
    for _ in range(10):
        pause.take()
    pause.reset()
    assert pause.take() <= FIRST


async def test_sleeps() -> None:
    """Waiting is taking and sleeping."""
    pause = Pause()
    await pause.wait()
    assert pause.take() > FIRST / 2
