"""One batch on its way, and who waits for its jobs."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from jobqueue.broker.calls import Calls
from jobqueue.client.batches import Attempt, Numbers, error_of_batch, read_answers
from jobqueue.client.handle import Answer
from jobqueue.client.prepared import Prepared
from jobqueue.domain.errors import JobQueueError

if TYPE_CHECKING:
    import asyncio

# Jobs, where their answers go, and the monotonic time after which they are given up.
Waiting = tuple[Sequence[Prepared], "asyncio.Future[list[Answer]]", float]


class Flight:
    """A batch on its way.

    A connection takes it for the future of its answer: so those who wait hear of it where it
    arrives, without a task between, which takes longer than all the rest of a small request.

    Args:
        queue: The queue or partition of its jobs.
        waiting: The jobs, in groups.
        calls: Makes its call.
        numbers: Number it; they are its own until it has landed.
        landed: Called with it and the script's answer, or with an error in its place.

    Attributes:
        attempt: Its call, and what is known of that.
        broken: Whether the connection failed it.
    """

    __slots__ = ("_jobs", "_landed", "_waiting", "attempt", "broken", "numbers", "queue")

    def __init__(
        self,
        queue: str,
        waiting: Sequence[Waiting],
        calls: Calls,
        numbers: Numbers,
        landed: "Callable[[Flight, str | Exception], None]",
    ) -> None:
        self.queue = queue
        self.numbers = numbers
        self.broken = False
        self._waiting = waiting
        self._landed = landed
        if len(waiting) == 1:
            self._jobs = waiting[0][0]
        else:
            self._jobs = [prepared for group, _, _ in waiting for prepared in group]
        self.attempt = Attempt.of(calls, queue, numbers, self._jobs, waiting[0][2])

    def __len__(self) -> int:
        return len(self._jobs)

    def done(self) -> bool:
        """Whether nobody listens any more."""
        return False

    def set_result(self, answers: list[Any]) -> None:
        """Take the answer of the connection."""
        [answer] = answers
        call = self.attempt.call
        self._landed(self, call.parse(answer) if call and isinstance(answer, bytes) else answer)

    def set_exception(self, error: Exception) -> None:
        """Hear that the connection has none, and is to be closed."""
        self.broken = True
        self._landed(self, error)

    def answer(self, reply: str) -> None:
        """Tell those who wait what became of their jobs."""
        try:
            answers = read_answers(reply, self.queue, self._jobs, self.attempt.reached)
        except JobQueueError as error:
            self.refuse(error)
            return
        first = 0
        for group, future, _ in self._waiting:
            last = first + len(group)
            if not future.done():
                future.set_result(answers[first:last])
            first = last

    def refuse(self, error: JobQueueError) -> None:
        """Tell them that it was given up."""
        for group, future, _ in self._waiting:
            if not future.done():
                future.set_exception(error_of_batch(self.attempt, error, group))

    def abandon(self, error: BaseException) -> None:
        """Let nobody wait for ever when the loop ends, or after a mistake of ours."""
        give_up(self._waiting, error)


def give_up(waiting: Sequence[Waiting], error: BaseException) -> None:
    """Let nobody wait for ever; ``error`` is no answer, but the end of a task or a mistake."""
    for _, future, _ in waiting:
        if not isinstance(error, Exception):
            future.cancel()
        elif not future.done():
            future.set_exception(error)
