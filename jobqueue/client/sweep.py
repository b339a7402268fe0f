"""Puts all letters of a filter back, the oldest first, each once.

What dies meanwhile is not met: it died later than the last letter that was there at the
beginning. One that does not go back stays open, and is behind us.
"""

from jobqueue.client.pace import Pace
from jobqueue.client.redrive import Answered, Redriver
from jobqueue.domain.letters import Report, Which
from jobqueue.domain.views import DeadLetter, Retried
from jobqueue.history import letters


class Sweep:
    """One way through the letters.

    Args:
        redriver: Puts them back.
        chosen: Which letters.
        last: Place of the newest of them.
        pace: How fast.
        report: Called with what became of each few letters; None tells nobody.

    Attributes:
        answers: What became of all of them so far.
    """

    def __init__(
        self,
        redriver: Redriver,
        chosen: Which,
        last: letters.Place,
        pace: Pace,
        report: Report | None,
    ) -> None:
        self.answers: list[Retried] = []
        self._redriver = redriver
        self._chosen = chosen
        self._last = last
        self._pace = pace
        self._report = report
        self._after: letters.Place | None = None
        self._over = False

    async def first(self, n: int) -> list[DeadLetter]:
        """Put back ``n`` letters, fewer where there are no more; return them."""
        back: list[DeadLetter] = []
        while len(back) < n and not self._over:
            some = await self._next(min(self._pace.size, n - len(back)))
            back += [each.letter for each in some if each.back]
        return back

    async def rest(self) -> None:
        """Put back all that are left."""
        while not self._over:
            await self._next(self._pace.size)

    async def _next(self, most: int) -> list[Answered]:
        found = await letters.ascending(
            self._redriver.database, self._chosen, self._after, self._last, most
        )
        self._over = len(found) < most
        if not found:
            return []
        self._after = found[-1]
        await self._pace.turn(len(found))
        answered = await self._redriver.put_back(each.execution_id for each in found)
        told = [each.retried(each.letter.execution_id) for each in answered]
        self.answers += told
        if self._report is not None:
            self._report(told)
        return answered
