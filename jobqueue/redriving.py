"""What an app can do about dead letters: look at them, put them back, delete them.

Each form without ``_sync`` does the work; the other one is for programs without an event loop.
What changes letters leaves a row in the operator log.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from jobqueue.asking import Asking
from jobqueue.client.blocking import blocking
from jobqueue.domain.letters import Canary, Deleted, LetterFilter, LetterGroup, Redrive, Report
from jobqueue.domain.limits import Rate
from jobqueue.domain.views import DeadLetter, Retried


class Redriving(Asking):
    """The dead letters of a :class:`JobQueue`."""

    async def dead_letters(
        self, *, before: str | None = None, limit: int = 50, **where: Unpack[LetterFilter]
    ) -> list[DeadLetter]:
        """List dead letters that were not put back or deleted, the job that died last first.

        Args:
            before: ``execution_id`` of the last letter of the page before.
            limit: Most letters in a page; a shorter page is the last one.
            **where: Which letters; see :class:`LetterFilter`.

        Raises:
            ConfigurationError: No database URL is set, or the filter is unknown.
            InvalidJob: A value of the filter can't be right.
            HistoryUnavailable: PostgreSQL can't be reached.
            SchemaMismatch: The schema is wrong.
        """
        return await self.services.letters().page(where, before, limit)

    dead_letters_sync = blocking(dead_letters)

    async def dead_letter_groups(
        self, *, limit: int = 50, **where: Unpack[LetterFilter]
    ) -> list[LetterGroup]:
        """Group open dead letters by error, the most frequent first.

        Args:
            limit: Most groups.
            **where: Which letters; see :class:`LetterFilter`.

        Raises:
            ConfigurationError: No database URL is set, or the filter is unknown.
            InvalidJob: A value of the filter can't be right.
            HistoryUnavailable: PostgreSQL can't be reached.
            SchemaMismatch: The schema is wrong.
        """
        return await self.services.letters().groups(where, limit)

    dead_letter_groups_sync = blocking(dead_letter_groups)

    async def count_dead_letters(self, **where: Unpack[LetterFilter]) -> int:
        """Return how many open dead letters there are; see :meth:`dead_letters`."""
        return await self.services.letters().count(where)

    count_dead_letters_sync = blocking(count_dead_letters)

    async def find_dead_letters(self, letter_or_job: str) -> list[DeadLetter]:
        """Return a dead letter, or all that a job ever left, newest first; closed ones too.

        Args:
            letter_or_job: ``execution_id`` of the letter, or the id of a job.

        Raises:
            DeadLetterNotFound: There never was one.
            ConfigurationError: No database URL is set.
            HistoryUnavailable: PostgreSQL can't be reached.
            SchemaMismatch: The schema is wrong.
        """
        return await self.services.letters().find(letter_or_job)

    find_dead_letters_sync = blocking(find_dead_letters)

    async def retry_dead_letters(
        self,
        ids: Iterable[str],
        *,
        arguments: Mapping[str, Any] | None = None,
        reason: str = "",
        operator: str | None = None,
    ) -> list[Retried]:
        """Put dead letters back on their queues, each as a new run with all its attempts.

        A job keeps its id, queue, priority and options. Repeating a call that was cut
        short makes no second job.

        Args:
            ids: Execution ids of letters, or ids of jobs; the id of a job stands for
                its newest open letter in each queue.
            arguments: Other arguments for the job of one letter, all of them by name; those
                without a name are a list under ``"*"``. ``"***"`` in the place of a hidden
                one keeps it. The operator log has both, old and new. A key that was made of
                arguments (``unique``, ``lock``) stays as it was.
            reason: Why, for the operator log.
            operator: Who, for the operator log; else the setting ``operator``.

        Returns:
            What became of each, in their order; ``error`` says why one did not go back.

        Raises:
            ConfigurationError: No database URL is set.
            InvalidJob: An id can't be one, the arguments can't be stored, or they are given for
                several letters.
            BrokerUnavailable: Redis can't be reached; letters not answered for stay.
            HistoryUnavailable: PostgreSQL can't be reached.
            SchemaMismatch: The schema is wrong.
        """
        letters = self.services.letters()
        return await letters.retry(list(ids), letters.command(operator, reason), arguments)

    retry_dead_letters_sync = blocking(retry_dead_letters)

    async def retry_all_dead_letters(
        self,
        *,
        rate: Rate | None = None,
        canary: Canary | None = None,
        reason: str = "",
        operator: str | None = None,
        report: Report | None = None,
        **where: Unpack[LetterFilter],
    ) -> Redrive:
        """Put all dead letters of a filter back, the oldest first.

        Those that die while it runs are left alone. Repeating a call that was cut short makes
        no second job of those that went back already.

        Args:
            rate: How many in which time; None puts them back as fast as Redis takes them.
            canary: Some that go first; the others follow if these do well.
            reason: Why, for the operator log.
            operator: Who, for the operator log; else the setting ``operator``.
            report: Called with what became of every few letters, as it goes on.
            **where: Which letters; see :class:`LetterFilter`.

        Raises:
            ConfigurationError: No database URL is set, or the filter is unknown.
            InvalidJob: A value of the filter can't be right.
            BrokerUnavailable: Redis can't be reached; letters not answered for stay.
            HistoryUnavailable: PostgreSQL can't be reached.
            SchemaMismatch: The schema is wrong.
        """
        letters = self.services.letters()
        command = letters.command(operator, reason)
        return await letters.retry_all(where, command, rate, canary, report)

    retry_all_dead_letters_sync = blocking(retry_all_dead_letters)

    async def delete_dead_letters(
        self, ids: Iterable[str], *, reason: str = "", operator: str | None = None
    ) -> list[Deleted]:
        """Delete dead letters: their jobs can't be put back any more.

        The history keeps their attempts.

        Args:
            ids: As :meth:`retry_dead_letters` takes them.
            reason: Why, for the operator log.
            operator: Who, for the operator log; else the setting ``operator``.

        Returns:
            What became of each, in their order; ``error`` says which was not there.

        Raises:
            ConfigurationError: No database URL is set.
            InvalidJob: An id can't be one.
            HistoryUnavailable: PostgreSQL can't be reached; nothing was deleted.
            SchemaMismatch: The schema is wrong.
        """
        letters = self.services.letters()
        return await letters.delete(list(ids), letters.command(operator, reason))

    delete_dead_letters_sync = blocking(delete_dead_letters)

    async def clear_dead_letters(
        self, *, reason: str = "", operator: str | None = None, **where: Unpack[LetterFilter]
    ) -> int:
        """Delete all open dead letters of a filter; return how many.

        Args:
            reason: Why, for the operator log.
            operator: Who, for the operator log; else the setting ``operator``.
            **where: Which letters; see :class:`LetterFilter`. Without it: all.

        Raises:
            ConfigurationError: No database URL is set, or the filter is unknown.
            InvalidJob: A value of the filter can't be right.
            HistoryUnavailable: PostgreSQL can't be reached; nothing was deleted.
            SchemaMismatch: The schema is wrong.
        """
        letters = self.services.letters()
        return await letters.clear(where, letters.command(operator, reason))

    clear_dead_letters_sync = blocking(clear_dead_letters)
