"""What is taken over from a job that has ended when it is enqueued once more."""

from typing import Any

from jobqueue.client.options import JobOptions
from jobqueue.domain.arguments import STAR
from jobqueue.domain.errors import InvalidJob
from jobqueue.domain.redaction import MASK
from jobqueue.domain.views import FoundJob


def whole_arguments(job: FoundJob) -> tuple[list[Any], dict[str, Any]]:
    """Return a job's arguments, by position and by name.

    Raises:
        InvalidJob: Some are hidden, or not known.
    """
    if not isinstance(job.arguments, dict):
        raise InvalidJob("arguments", f"those of job {job.id} are not known")
    hidden = sorted(name for name, value in job.arguments.items() if value == MASK)
    if hidden:
        names = ", ".join(hidden)
        raise InvalidJob("arguments", f"of job {job.id} these are hidden: {names}; enqueue it anew")
    named = {name: value for name, value in job.arguments.items() if name != STAR}
    return list(job.arguments.get(STAR, ())), named


def options_of(job: FoundJob) -> JobOptions:
    """Return the options that the new job gets, beside those of its handler."""
    options: JobOptions = {"queue": job.queue}
    if job.priority is not None:
        options["priority"] = job.priority
    if job.tags:
        options["tags"] = job.tags
    if job.metadata:
        options["metadata"] = job.metadata
    return options
