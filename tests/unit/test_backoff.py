"""Waits between attempts to reach a server."""

import pytest

from jobqueue.domain.backoff import FIRST, LONGEST, PROMPT, Pause


@pytest.mark.parametrize(("pause", "longest"), [(Pause(), LONGEST), (Pause(PROMPT), PROMPT)])
def test_doubles_up_to_a_bound(pause: Pause, longest: float) -> None:
    """Each wait is drawn from the upper half of a range that doubles."""
    top = FIRST
    for _ in range(20):
        assert top / 2 <= pause.take() <= top
        top = min(longest, top * 2)
    assert top == longest


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
