"""How dead letters look: as tables, as pages, as JSON."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from jobqueue.cli.output import block, fields, line, moment, table
from jobqueue.domain.letters import CanaryOutcome, Deleted, LetterGroup
from jobqueue.domain.views import DeadLetter, Retried

_LONGEST = 80  # characters of an error in a table


def listed(letters: Sequence[DeadLetter]) -> str:
    """Return a table of letters."""
    headers = (
        "ID", "QUEUE", "NAME", "ATTEMPTS", "CRASHES", "FAILED", "REASON", "FINGERPRINT", "ERROR",
    )  # fmt: skip
    return table(headers, map(_row, letters))


def grouped(groups: Sequence[LetterGroup]) -> str:
    """Return a table of errors."""
    headers = ("FINGERPRINT", "COUNT", "FIRST", "LAST", "NAMES", "QUEUES", "ERROR")
    return table(headers, map(_group, groups))


def page(letters: Sequence[DeadLetter]) -> str:
    """Return everything about the first letter, and a table of the others."""
    newest, *others = letters
    parts = [fields(_fields(newest))]
    if newest.traceback:
        parts.append(block(newest.traceback))
    if others:
        parts.append(listed(others))
    return "\n\n".join(parts)


def letter_for_programs(letter: DeadLetter) -> dict[str, Any]:
    """Return a letter as JSON has it: all of it but its spec."""
    import msgspec

    shown: dict[str, Any] = msgspec.structs.asdict(letter)
    del shown["spec"]
    return shown | {"priority": letter.priority.label}


def answer_for_programs(answer: Retried | Deleted) -> dict[str, Any]:
    """Return what became of one letter as JSON has it."""
    problem = None if answer.error is None else str(answer.error)
    return {"id": answer.id, "job_id": answer.job_id, "queue": answer.queue, "error": problem}


def told(outcome: CanaryOutcome) -> str:
    """Return what a canary came to, in a sentence."""
    late = f", {outcome.unfinished} of them without an outcome in time" * bool(outcome.unfinished)
    then = "stopped; the other letters are as they were" if outcome.stopped else "went on"
    return f"canary: {outcome.failing} of {outcome.tried} jobs are failing{late}: {then}"


def _row(letter: DeadLetter) -> tuple[Any, ...]:
    return (
        letter.job_id,
        letter.queue,
        letter.name,
        letter.attempts,
        letter.crashes,
        moment(letter.failed_at),
        letter.reason,
        letter.error_fingerprint,
        _error(letter.error_type, letter.error_message),
    )


def _group(group: LetterGroup) -> tuple[Any, ...]:
    return (
        group.fingerprint,
        group.count,
        moment(group.first),
        moment(group.last),
        ", ".join(group.names),
        ", ".join(group.queues),
        _error(group.error_type, group.example),
    )


def _error(kind: str | None, message: str | None) -> str | None:
    error = f"{kind}: {message}" if kind is not None and message else kind
    return f"{error[:_LONGEST]}…" if error is not None and len(error) > _LONGEST else error


def _closed(letter: DeadLetter, at: datetime | None) -> str | None:
    """Return when a letter was closed, by whom and why, as far as that is known."""
    if at is None:
        return None
    who = f" by {letter.closed_operator}" if letter.closed_operator else ""
    why = f": {letter.closed_reason}" if letter.closed_reason else ""
    return f"{moment(at)}{who}{why}"


def _fields(letter: DeadLetter) -> Iterable[tuple[str, Any]]:
    return [
        ("id", letter.job_id),
        ("letter", letter.execution_id),
        ("queue", letter.queue),
        ("name", letter.name),
        ("priority", letter.priority.label),
        ("run", letter.run or None),
        ("attempts", letter.attempts),
        ("crashes", letter.crashes or None),
        ("enqueued", moment(letter.enqueued_at)),
        ("failed", moment(letter.failed_at)),
        ("outcome", letter.outcome),
        ("reason", letter.reason),
        ("put back", _closed(letter, letter.redriven_at)),
        ("deleted", _closed(letter, letter.deleted_at)),
        ("log entry", letter.closed_by),
        ("arguments", line(letter.arguments)),
        ("metadata", None if letter.metadata is None else line(letter.metadata)),
        ("tags", ", ".join(letter.tags or ()) or None),
        ("fingerprint", letter.error_fingerprint),
        ("error", letter.error_type and f"{letter.error_type}: {letter.error_message}"),
    ]
