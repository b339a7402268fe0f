"""The dead letters of one installation: questions, and what an operator does to them.

What an operator does leaves a row in the operator log. That of a redrive is written before
the first job goes back, so that it tells of one that dies in the middle too; a second one tells
what it left undone, if anything. Each letter names the row of the command that closed it.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
from msgspec.structs import replace

from jobqueue.client import closed, remains
from jobqueue.client.canary import Listener
from jobqueue.client.edits import Edit
from jobqueue.client.operator import whoever
from jobqueue.client.pace import Pace
from jobqueue.client.redrive import MOST, Answered, Redriver, as_it_was
from jobqueue.client.sweep import Sweep
from jobqueue.client.wire import Wire
from jobqueue.domain.errors import DeadLetterNotFound, InvalidJob
from jobqueue.domain.ids import check_job_id
from jobqueue.domain.letters import (
    Canary,
    Deleted,
    LetterFilter,
    LetterGroup,
    Redrive,
    Report,
    Which,
    redriven,
    which,
)
from jobqueue.domain.limits import Rate
from jobqueue.domain.operations import Operation
from jobqueue.domain.views import DeadLetter, Retried
from jobqueue.history import claims, engine, letters, operations
from jobqueue.history.engine import Database

Chosen = Mapping[str, Sequence[DeadLetter]]


class Command(msgspec.Struct, frozen=True):
    """Who does something to letters, and why.

    Args:
        operator: Who.
        reason: Why, in words; may be empty.
    """

    operator: str
    reason: str = ""


class Letters(msgspec.Struct, frozen=True):
    """The dead letters of one installation.

    Args:
        wire: Says where Redis is; asked only when a letter is put back.
        database_url: Where the history is.
        max_arguments: Largest arguments of a job, in bytes as JSON.
        operator: Who gives commands, unless one says who; None for the user of this process.
    """

    wire: Callable[[], Wire]
    database_url: str
    max_arguments: int
    operator: str | None = None

    def command(self, operator: str | None, reason: str) -> Command:
        """Return who does something, and why."""
        return Command(operator or self.operator or whoever(), reason)

    async def page(self, where: LetterFilter, before: str | None, limit: int) -> list[DeadLetter]:
        """Return open letters, newest first; see :meth:`JobQueue.dead_letters`."""
        chosen = which(where)
        async with self._database() as database:
            try:
                return await letters.page(database, chosen, before=before, limit=limit)
            except ValueError:
                raise InvalidJob("before", f"{before!r} is no execution id of a letter") from None

    async def groups(self, where: LetterFilter, limit: int) -> list[LetterGroup]:
        """Return open letters by error; see :meth:`JobQueue.dead_letter_groups`."""
        chosen = which(where)
        async with self._database() as database:
            return await letters.groups(database, chosen, limit)

    async def count(self, where: LetterFilter) -> int:
        """Return how many are open; see :meth:`JobQueue.count_dead_letters`."""
        chosen = which(where)
        async with self._database() as database:
            return (await letters.extent(database, chosen)).count

    async def find(self, letter_or_job: str) -> list[DeadLetter]:
        """Return letters, open or not; see :meth:`JobQueue.find_dead_letters`."""
        given = check_job_id(letter_or_job)
        async with self._database() as database:
            found = await letters.by_id(database, [given])
            found = found or await letters.of_jobs(database, [given], closed=True)
            if not found:
                raise DeadLetterNotFound(given)
            return await closed.by_whom(database, found)

    async def retry(
        self, ids: Sequence[str], command: Command, arguments: Mapping[str, Any] | None
    ) -> list[Retried]:
        """Put letters back; see :meth:`JobQueue.retry_dead_letters`."""
        edit = None if arguments is None else Edit(arguments, self.max_arguments)
        ids, answers = _checked(ids), dict[str, Answered]()
        async with self._database() as database:
            chosen = await _chosen(database, ids)
            if found := _each_once(chosen):
                operation = _of_ids("dlq.retry", chosen, found, command)
                if edit is not None:
                    operation = await _edited(database, operation, found, edit)
                wire = self.wire()  # who has no Redis is told before anything is written
                key = await operations.log(database, operation)
                try:
                    async with _redriver(wire, database, key, edit) as redriver:
                        for first in range(0, len(found), MOST):
                            some = [each.execution_id for each in found[first : first + MOST]]
                            back = await redriver.put_back(some)
                            answers |= {each.letter.execution_id: each for each in back}
                finally:
                    done = [each.retried(given) for given, each in answers.items()]
                    await remains.note(database, operation, key, done)
        return [each for given in ids for each in _retried(given, chosen[given], answers)]

    async def retry_all(
        self,
        where: LetterFilter,
        command: Command,
        rate: Rate | None,
        canary: Canary | None,
        report: Report | None,
    ) -> Redrive:
        """Put back all that a filter chooses; see :meth:`JobQueue.retry_all_dead_letters`."""
        chosen = which(where)
        async with self._database() as database:
            extent = await letters.extent(database, chosen)
            if extent.last is None:
                return redriven((), None)
            details = {"letters": extent.count} | _carefully(rate, canary)
            operation = _of_filter("dlq.retry", chosen, command, details)
            wire = self.wire()
            key = await operations.log(database, operation)
            async with _redriver(wire, database, key) as redriver:
                sweep = Sweep(redriver, chosen, extent.last, Pace(rate, MOST), report)
                outcome = None
                try:
                    if canary is not None:
                        first = await sweep.first(canary.n)
                        outcome = await Listener(redriver, canary).hear(first)
                    if outcome is None or not outcome.stopped:
                        await sweep.rest()
                finally:
                    await remains.note(database, operation, key, sweep.answers, outcome)
        return redriven(sweep.answers, outcome)

    async def delete(self, ids: Sequence[str], command: Command) -> list[Deleted]:
        """Delete letters; see :meth:`JobQueue.delete_dead_letters`."""
        ids = _checked(ids)
        async with self._database() as database:
            chosen = await _chosen(database, ids)
            found = _each_once(chosen)
            gone = await claims.delete(
                database,
                [letter.execution_id for letter in found],
                _of_ids("dlq.delete", chosen, found, command),
            )
        return [each for given in ids for each in _deleted(given, chosen[given], gone)]

    async def clear(self, where: LetterFilter, command: Command) -> int:
        """Delete all that a filter chooses; see :meth:`JobQueue.clear_dead_letters`."""
        chosen = which(where)
        async with self._database() as database:
            operation = _of_filter("dlq.clear", chosen, command, {})
            return await claims.clear(database, chosen, operation)

    def _database(self) -> AbstractAsyncContextManager[Database]:
        return engine.opened(self.database_url, "client")


@asynccontextmanager
async def _redriver(
    wire: Wire, database: Database, key: str, edit: Edit | None = None
) -> AsyncIterator[Redriver]:
    spec_of = as_it_was if edit is None else edit.spec_of
    async with wire.server.lane() as lane:
        yield Redriver(wire, lane, database, key, spec_of)


def _checked(ids: Iterable[str]) -> list[str]:
    return [check_job_id(each) for each in dict.fromkeys(ids)]


async def _chosen(database: Database, ids: Sequence[str]) -> Chosen:
    """Return the open letters that each id means: its own, else the newest of the job's."""
    own = {letter.execution_id: letter for letter in await letters.by_id(database, ids)}
    jobs: defaultdict[str, dict[str, DeadLetter]] = defaultdict(dict)
    for letter in reversed(await letters.of_jobs(database, set(ids) - own.keys())):
        jobs[letter.job_id][letter.queue] = letter  # the newest wins; a job's id belongs to a queue
    return {each: [own[each]] if each in own else list(jobs[each].values()) for each in ids}


def _each_once(chosen: Chosen) -> list[DeadLetter]:
    """Return the letters that are open, the oldest first."""
    found = {each.execution_id: each for some in chosen.values() for each in _open(some)}
    return [found[key] for key in sorted(found)]


def _open(some: Sequence[DeadLetter]) -> list[DeadLetter]:
    return [each for each in some if each.is_open]


async def _edited(
    database: Database, operation: Operation, found: Sequence[DeadLetter], edit: Edit
) -> Operation:
    """Return what is done to one letter, with what changes in its arguments.

    Raises:
        InvalidJob: Several letters are meant, or nobody can read what this one holds.
    """
    if len(found) > 1:
        raise InvalidJob("arguments", f"{len(found)} letters are meant; give the id of one letter")
    told = edit.told(await letters.with_spec(database, found[0]))
    return replace(operation, details={**operation.details, "arguments": told})


def _of_ids(
    action: str,
    chosen: Chosen,
    found: Sequence[DeadLetter],
    command: Command,
) -> Operation:
    """Return what is done to letters that were named."""
    one = found[0] if len(found) == 1 else None
    queues = {letter.queue for letter in found}
    details: dict[str, Any] = {"letters": len(found), "ids": list(chosen)[: remains.SHOWN]}
    if unknown := [given for given, letters in chosen.items() if not _open(letters)]:
        details["not_found"] = unknown[: remains.SHOWN]
    return Operation(
        operator=command.operator,
        action=action,
        reason=command.reason,
        queue=queues.pop() if len(queues) == 1 else None,
        job_id=None if one is None else one.job_id,
        details=details,
    )


def _of_filter(action: str, chosen: Which, command: Command, details: dict[str, Any]) -> Operation:
    return Operation(
        operator=command.operator,
        action=action,
        reason=command.reason,
        queue=chosen.queue,
        filter=chosen.given(),
        details=details,
    )


def _carefully(rate: Rate | None, canary: Canary | None) -> dict[str, Any]:
    """Return how a redrive is held back, for the operator log."""
    said: dict[str, Any] = {}
    if rate is not None:
        said["rate"] = f"{rate.n}/{rate.per_ms / 1000:g}s"
    if canary is not None:
        said |= {"canary": canary.n, "stop_if_failing": canary.stop_if_failing}
    return said


def _retried(
    given: str, found: Sequence[DeadLetter], answers: Mapping[str, Answered]
) -> Iterator[Retried]:
    known = [answers[each.execution_id] for each in found if each.execution_id in answers]
    if not known:  # there was none, or somebody else was faster
        yield Retried(given, given, None, DeadLetterNotFound(given))
    yield from (each.retried(given) for each in known)


def _deleted(given: str, found: Sequence[DeadLetter], gone: set[str]) -> Iterator[Deleted]:
    known = [letter for letter in found if letter.execution_id in gone]
    if not known:
        yield Deleted(given, given, None, DeadLetterNotFound(given))
    yield from (Deleted(given, letter.job_id, letter.queue, None) for letter in known)
