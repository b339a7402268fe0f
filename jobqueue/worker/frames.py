"""What crosses between a worker and its children: msgpack behind a length, data only.

Nothing is pickled: what a handler returns or raises becomes JSON and text inside
the child, so an exception that can't be pickled or printed harms nobody.
"""

import struct
from typing import Literal

import msgspec

from jobqueue.domain.context import CurrentJob, Progress
from jobqueue.domain.outcomes import Failed, Failure, Mismatch, Outcome, Snoozed, Succeeded
from jobqueue.domain.retry import RetrySpec

HEADER = struct.Struct(">I")


class Request(msgspec.Struct, array_like=True, frozen=True):
    """One job on its way into a child.

    ``module`` and ``qualname`` name the handler's function. ``retry`` is the retry policy
    that the job brought, if it did. Its timeout begins with the handler, so what the job
    says of its end is later by what passes since ``made_us``, but not later than ``latest_ms``.
    """

    module: str
    qualname: str
    arguments: bytes
    job: CurrentJob
    retry: RetrySpec | None
    max_result: int
    max_traceback: int
    made_us: int = 0  # monotonic time, which all processes of a host share
    latest_ms: int | None = None  # the job's own deadline

    def beginning(self, now_us: int) -> CurrentJob:
        """Return the job as its handler sees it when it starts now."""
        if self.job.deadline_ms is None:
            return self.job
        ends = self.job.deadline_ms + (now_us - self.made_us) // 1000
        if self.latest_ms is not None:
            ends = min(ends, self.latest_ms)
        return msgspec.structs.replace(self.job, deadline_ms=ends)


class Answer(msgspec.Struct, array_like=True, frozen=True):
    """What a child says: that the handler starts now, how far it is, what it came to."""

    kind: Literal["started", "progress", "succeeded", "failed", "mismatch", "snoozed"]
    result: bytes | None = None
    failure: Failure | None = None
    delay: float | None = None
    permanent: str = ""
    counted: bool = True
    progress: Progress | None = None


_encoder = msgspec.msgpack.Encoder()
_request = msgspec.msgpack.Decoder(Request)
_answer = msgspec.msgpack.Decoder(Answer)


def pack(message: Request | Answer) -> bytes:
    """Return a frame."""
    body = _encoder.encode(message)
    return HEADER.pack(len(body)) + body


def unpack_request(body: bytes) -> Request:
    """Return the request in a frame's body."""
    return _request.decode(body)


def take_answer(buffer: bytearray) -> Answer | None:
    """Take the first answer out of ``buffer``; ``None`` while it is not all there.

    Raises:
        msgspec.MsgspecError: These bytes are no answer.
    """
    if len(buffer) < HEADER.size:
        return None
    end = HEADER.size + HEADER.unpack_from(buffer)[0]
    if len(buffer) < end:
        return None
    answer = _answer.decode(buffer[HEADER.size : end])
    del buffer[:end]
    return answer


STARTED = Answer("started")
SHUTTING_DOWN = HEADER.pack(0)  # an empty frame: the worker begins to stop


def answer_of(outcome: Outcome) -> Answer:
    """Return an outcome in the form that crosses; the exception itself stays behind."""
    match outcome:
        case Succeeded(result):
            return Answer("succeeded", result)
        case Failed(failure, _, delay, permanent, counted):
            return Answer("failed", None, failure, delay, permanent, counted)
        case Mismatch(failure):
            return Answer("mismatch", None, failure)
        case Snoozed(delay):
            return Answer("snoozed", delay=delay)
    raise TypeError(f"a handler never comes to {outcome!r}")


def outcome_of(answer: Answer) -> Outcome:
    """Return the outcome in an answer."""
    failure = answer.failure or Failure("", "")
    match answer.kind:
        case "failed":
            return Failed(failure, None, answer.delay, answer.permanent, answer.counted)
        case "mismatch":
            return Mismatch(failure)
        case "snoozed":
            return Snoozed(answer.delay or 0.0)
    return Succeeded(answer.result)
