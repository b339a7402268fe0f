"""Turns an outcome into what is written: the job's next state and its row."""

import logging
from collections.abc import Sequence

import msgspec

from jobqueue.broker.messages import Return, Settlement
from jobqueue.domain import executions
from jobqueue.domain.executions import Execution
from jobqueue.domain.jobs import State
from jobqueue.domain.outcomes import (
    SUCCEEDED,
    Cancelled,
    Decision,
    Failure,
    Outcome,
    Succeeded,
    Unknown,
    decide,
)
from jobqueue.domain.retry import Retry
from jobqueue.domain.units import LONGEST
from jobqueue.worker.bounds import deadline_of
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.held import Held
from jobqueue.worker.verdicts import NOTHING

log = logging.getLogger("jobqueue.worker")

LAST = 500  # characters of an error that a later attempt knows

_json = msgspec.json.Encoder()

More = tuple[Sequence[str | int], str]
NO_MORE: More = ((), "")


class Written(msgspec.Struct, frozen=True):
    """One outcome on its way to Redis; ``record`` is empty when it leaves no row."""

    held: Held
    outcome: Outcome
    decision: Decision
    settlement: Settlement | Return
    record: bytes


class Scribe:
    """Writes settlements and journal records for one worker.

    Args:
        worker: Id of the worker.
        code_version: Version of the application's code; may be empty.
        retry: Policy of handlers that have none of their own.
    """

    def __init__(self, worker: str, code_version: str, retry: Retry) -> None:
        self._worker = worker
        self._code_version = code_version
        self._retry = retry

    def write(self, held: Held, outcome: Outcome) -> Written:
        """Return what to write for an outcome."""
        delivery = held.delivery
        decision = self._decide(held, outcome)
        # A delivery whose handler had not started leaves a row only if it ended the job.
        row = decision.outcome and (held.started_us or decision.final)
        record = self._record(held, decision, outcome) if row else b""
        if decision.state is State.READY:
            return Written(held, outcome, decision, _return(held), record)
        fields, payload = NO_MORE if outcome is NOTHING else _more(held, decision, outcome)
        settlement = Settlement(
            delivery.id,
            delivery.token,
            delivery.flags > 0,
            delivery.name,
            decision.state.value,
            _ms(decision.delay),
            fields,
            payload,
        )
        return Written(held, outcome, decision, settlement, record)

    def _decide(self, held: Held, outcome: Outcome) -> Decision:
        if isinstance(outcome, Succeeded):
            return SUCCEEDED
        delivery, handler = held.delivery, held.handler
        attempt, previous = delivery.attempts + 1, delivery.delay_ms / 1000
        policy = handler.retry if handler and handler.retry else self._retry
        now = (held.ended_us or monotonic_us()) + held.clock_us
        age = now / 1_000_000 - delivery.enqueued_ms / 1000
        deadline = deadline_of(held.spec, delivery.run, delivery.enqueued_ms)
        left = None if deadline is None else deadline / 1000 - now / 1_000_000
        try:
            if held.spec.retry is not None:
                policy = policy.with_spec(held.spec.retry)
            return decide(
                outcome, attempt, previous, policy, job=held.current(), age=age, left=left
            )
        except BaseException:  # an own backoff function is the user's code
            log.exception("retry policy failed", extra=held.fields())
            plain = Retry(policy.retries, cap=policy.cap, budget=policy.budget)
            return decide(outcome, attempt, previous, plain, age=age, left=left)

    def _record(self, held: Held, decision: Decision, outcome: Outcome) -> bytes:
        d = held.delivery
        failure: Failure | None = getattr(outcome, "failure", None)
        started = held.started_us + held.clock_us if held.started_us else 0
        ended = (held.ended_us or monotonic_us()) + held.clock_us
        head = (
            executions.VERSION,
            d.token,
            d.id,
            d.run,
            d.attempts + (started > 0),
            d.delivery,
            decision.final,
            decision.outcome,
            held.queue,
            d.name,
            d.priority,
            self._worker,
            self._code_version,
            d.enqueued_ms,
            d.ready_ms,
            started,
            ended,
            d.spec,
        )
        message = failure.message if failure else None
        if isinstance(outcome, Cancelled):
            message = outcome.why or None
        redact = held.handler.redact if held.handler else ()
        if outcome is NOTHING and not d.crashes and not redact:
            return executions.pack(head)  # what follows has its defaults
        delay_ms = _ms(decision.delay)
        return executions.pack(
            Execution(
                *head,
                decision.reason,
                outcome.result if isinstance(outcome, Succeeded) else None,
                failure.type if failure else None,
                message,
                failure.traceback or None if failure else None,
                None if delay_ms is None else ended // 1000 + delay_ms,
                d.crashes,
                redact,
            )
        )


def _more(held: Held, decision: Decision, outcome: Outcome) -> More:
    """Return what the job's state hash gets, and what waiting clients are told."""
    delivery = held.delivery
    failure = getattr(outcome, "failure", None)
    if isinstance(outcome, Unknown):
        return ["unknown", delivery.unknown + 1], ""
    attempts = delivery.attempts + decision.counted
    if decision.state is State.RETRYING:
        delay_ms = _ms(decision.delay) or 0
        fields: list[str | int]
        fields = ["attempts", attempts, "delay", delay_ms, "last", _line(failure)]
        return ([*fields, "unknown", 0] if delivery.unknown else fields), ""
    if isinstance(outcome, Succeeded) and outcome.result is not None:
        payload = outcome.result.decode()
        return ["result", payload], payload
    if failure is not None and decision.final:
        payload = _json.encode(failure).decode()
        return ["error", payload, "attempts", attempts], payload
    return NO_MORE


def _line(failure: Failure | None) -> str:
    """Return an error in a line, for a later attempt that can't start."""
    if failure is None:
        return ""
    return f"{failure.type}: {failure.message}".partition("\n")[0][:LAST]


def _ms(delay: float | None) -> int | None:
    return None if delay is None else round(min(delay, LONGEST) * 1000)


def _return(held: Held) -> Return:
    d = held.delivery
    return Return(d.id, d.token)
