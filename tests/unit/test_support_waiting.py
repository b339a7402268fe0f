"""``wait_until`` ends with the condition, and names it when it fails."""

from collections.abc import Iterator

import pytest

from tests.support import wait_until, wait_until_sync


def answers() -> Iterator[int]:
    """Give two false answers, then true ones."""
    yield from (0, 0, 7, 8)


async def test_plain_and_async_conditions() -> None:
    """Both kinds of condition work; the first true answer is returned."""
    given = answers()

    async def condition() -> int:
        return next(given)

    assert await wait_until(condition, description="a number") == 7
    given = answers()
    assert await wait_until(lambda: next(given), description="a number") == 7
    given = answers()
    assert wait_until_sync(lambda: next(given), description="a number") == 7


async def test_failure_names_the_condition() -> None:
    """The message says what did not happen."""
    with pytest.raises(AssertionError, match="pigs fly"):
        await wait_until(lambda: False, description="pigs fly", deadline=0)
    with pytest.raises(AssertionError, match="pigs fly"):
        wait_until_sync(lambda: False, description="pigs fly", deadline=0)
