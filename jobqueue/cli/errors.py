"""The one place that turns an error into a line on stderr and an exit code.

0 ok, 1 failure, 2 usage, 3 not found, 4 conflict, 5 backend unreachable. These numbers
are part of the public interface.
"""

import sys
import traceback
from typing import Any

import typer

from jobqueue.domain import errors
from jobqueue.domain.suggest import did_you_mean

FAILURE, USAGE, NOT_FOUND, CONFLICT, UNREACHABLE = 1, 2, 3, 4, 5

# The nearest class of an error's family decides; the root is a failure.
EXIT_CODES: dict[type[BaseException], int] = {
    errors.JobQueueError: FAILURE,
    errors.ConfigurationError: USAGE,
    errors.InvalidJob: USAGE,
    errors.JobNotFound: NOT_FOUND,
    errors.ResultGone: NOT_FOUND,
    errors.JobExists: CONFLICT,
    errors.DuplicateJob: CONFLICT,
    errors.QueueFull: CONFLICT,
    errors.JobConflict: CONFLICT,
    errors.RedriveConflict: CONFLICT,
    errors.ScheduleNotFound: NOT_FOUND,
    errors.ScheduleConflict: CONFLICT,
    errors.WorkerNotFound: NOT_FOUND,
    errors.WorkerQuiet: CONFLICT,
    errors.BrokerUnavailable: UNREACHABLE,
    errors.HistoryUnavailable: UNREACHABLE,
    errors.EnqueueUncertain: UNREACHABLE,
}


def exit_code(error: errors.JobQueueError) -> int:
    """Return the exit code that this error means."""
    return next(EXIT_CODES[each] for each in type(error).__mro__ if each in EXIT_CODES)


def report(error: errors.JobQueueError, *, debug: bool) -> int:
    """Print one line about the error, in ``debug`` after its traceback; return its exit code."""
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    say(str(error) or type(error).__name__)
    return exit_code(error)


def report_usage(error: typer.TyperException) -> int:
    """Print one line about a wrong call and return its exit code.

    A call without a command gets the whole help instead.
    """
    message = error.format_message().strip()
    if message.startswith("Usage:"):
        typer.echo(message, err=True)
        return error.exit_code
    context: Any = getattr(error, "ctx", None)
    hint = f" (see '{context.command_path} --help')" if context else ""
    say(f"{_suggested(error, message)}{hint}")
    return error.exit_code


def _suggested(error: typer.TyperException, message: str) -> str:
    # typer's own classes are private; these two attributes are on unknown options.
    near = getattr(error, "possibilities", None)
    word = getattr(error, "option_name", "")
    if near:
        return f"{error.message}; {did_you_mean(word, near)}"
    # What typer has from pydantic begins with pydantic's word for it.
    return message.replace("Value error, ", "")


def say(message: str) -> None:
    """Print one line of ours on stderr."""
    typer.echo(f"jobqueue: {' '.join(message.split())}", err=True)
