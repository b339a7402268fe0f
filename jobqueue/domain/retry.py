"""Retry policies: how often a failed job runs again, and after which wait.

One rule: nothing here rolls its own dice or reads a clock. The number of the attempt,
the wait before it and the source of randomness are arguments, so each delay can
be computed again in a test.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal, Self

import msgspec

from jobqueue.domain.checks import checks_options, choice, seconds
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.suggest import shown


class Backoff(StrEnum):
    """How the wait grows with the attempt n: base times 2^(n-1), n, n² or 1."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    QUADRATIC = "quadratic"
    CONSTANT = "constant"


class Jitter(StrEnum):
    """How a wait d is spread, so that jobs that failed together do not return together.

    ``full`` draws from [0, d], ``equal`` from [d/2, d], ``none`` leaves d alone.
    ``decorrelated`` takes no d: it draws from [base, 3 times the wait before].
    """

    FULL = "full"
    EQUAL = "equal"
    DECORRELATED = "decorrelated"
    NONE = "none"


BackoffName = Literal["exponential", "linear", "quadratic", "constant"]
JitterName = Literal["full", "equal", "decorrelated", "none"]
ExceptionClasses = type[BaseException] | Iterable[type[BaseException]]
DelayFunction = Callable[[int, BaseException, Any], float | timedelta | None]

MOST_RETRIES = 1_000_000_000


class RetrySpec(msgspec.Struct, array_like=True, frozen=True):
    """The wire form of a policy that was given for one job.

    New fields go to the end and have defaults.
    """

    retries: int
    base_ms: int
    cap_ms: int
    backoff: str
    jitter: str
    budget_ms: int | None = None


@dataclass(frozen=True, init=False)
class Retry:
    """When a failed job runs again. ``Retry(5)`` means five retries, so six runs.

    Args:
        retries: Retries after the first run; 0 means one run.
        base: Seconds or a ``timedelta`` that the backoff multiplies.
        cap: The longest wait, in seconds or as a ``timedelta``.
        backoff: ``exponential``, ``linear``, ``quadratic``, ``constant``, or your
            own function ``(attempt, error, job) -> seconds | timedelta | None``,
            where ``None`` ends the retries. Your function's wait is bounded by ``cap``.
        jitter: ``full``, ``equal``, ``decorrelated`` or ``none``. Unset: ``equal``;
            ``none`` beside your own function. ``decorrelated`` grows by itself,
            whatever the backoff.
        on: Retry only on this exception class or these; empty means on all.
        never: Never retry on this exception class or these; wins over ``on``.
        budget: Time from the enqueueing on, in seconds or as a ``timedelta``; no retry
            begins later.

    Raises:
        ConfigurationError: An option is unknown, negative or of a wrong type.
    """

    retries: int
    base: float
    cap: float
    backoff: Backoff | DelayFunction
    jitter: Jitter
    on: tuple[type[BaseException], ...]
    never: tuple[type[BaseException], ...]
    budget: float | None

    @checks_options("Retry")
    def __init__(  # noqa: PLR0913 - each is an option of the policy
        self,
        retries: int = 3,
        *,
        base: float | timedelta = 2.0,
        cap: float | timedelta = 300.0,
        backoff: BackoffName | Backoff | DelayFunction = Backoff.EXPONENTIAL,
        jitter: JitterName | Jitter | None = None,
        on: ExceptionClasses = (),
        never: ExceptionClasses = (),
        budget: float | timedelta | None = None,
    ) -> None:
        own = callable(backoff)
        unset = Jitter.NONE if own else Jitter.EQUAL
        values = {
            "retries": _count(retries),
            "base": seconds("retry base", base),
            "cap": seconds("retry cap", cap),
            "backoff": backoff if own else choice("retry backoff", Backoff, backoff),
            "jitter": unset if jitter is None else choice("retry jitter", Jitter, jitter),
            "on": _classes("retry on", on),
            "never": _classes("retry never", never),
            "budget": None if budget is None else seconds("retry budget", budget),
        }
        if own and values["jitter"] is Jitter.DECORRELATED:
            raise ConfigurationError(
                "retry: decorrelated jitter makes its own waits; "
                "beside an own backoff function write jitter='full', 'equal' or 'none'"
            )
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, value: "Retry | int") -> "Retry":
        """Return the policy that ``retry=value`` means; a number R means ``Retry(R)``."""
        return value if isinstance(value, Retry) else cls(value)

    @classmethod
    def from_spec(cls, spec: RetrySpec) -> Self:
        """Return the policy that came with a job, as far as the job knows it."""
        return cls(
            spec.retries,
            base=spec.base_ms / 1000,
            cap=spec.cap_ms / 1000,
            backoff=choice("retry backoff", Backoff, spec.backoff),
            jitter=choice("retry jitter", Jitter, spec.jitter),
            budget=None if spec.budget_ms is None else spec.budget_ms / 1000,
        )

    def with_spec(self, spec: RetrySpec) -> "Retry":
        """Return the policy of a job that brought its own to this handler's.

        Numbers and backoff are the job's. ``on`` and ``never`` stay: they are code, which
        no job can bring, and say which errors another run could heal.

        Raises:
            ConfigurationError: A newer producer wrote a word that is unknown here.
        """
        return replace(Retry.from_spec(spec), on=self.on, never=self.never)

    def to_spec(self) -> RetrySpec:
        """Return the form that travels with one job; times in whole milliseconds.

        Raises:
            InvalidJob: The policy holds a function or exception classes. Those are
                code: they belong to the handler's declaration.
        """
        if not isinstance(self.backoff, Backoff):
            raise InvalidJob("retry", f"an own backoff function {_STAYS}")
        if self.on or self.never:
            raise InvalidJob("retry", f"on= and never= name exception classes, which {_STAYS}")
        return RetrySpec(
            retries=self.retries,
            base_ms=round(self.base * 1000),
            cap_ms=round(self.cap * 1000),
            backoff=self.backoff.value,
            jitter=self.jitter.value,
            budget_ms=None if self.budget is None else round(self.budget * 1000),
        )

    def retries_on(self, error: BaseException) -> bool:
        """Return whether this kind of error may be retried at all."""
        if isinstance(error, self.never):
            return False
        return not self.on or isinstance(error, self.on)

    def delay_after(
        self,
        attempt: int,
        previous: float = 0.0,
        rng: Callable[[], float] = random.random,
        *,
        error: BaseException | None = None,
        job: Any = None,
    ) -> float | None:
        """Return the wait before the next attempt, in seconds.

        Args:
            attempt: The attempt that just failed; the first is 1.
            previous: The wait before that attempt; zero before the first retry.
            rng: Returns a random number in [0, 1).
            error: What the attempt raised; an own backoff function gets it.
            job: The job as the own backoff function sees it.

        Returns:
            The wait, jitter included and never above ``cap``, or ``None`` when no
            attempt is left. Whatever an own backoff function raises comes through.

        Raises:
            ValueError: ``attempt`` is below 1, or an own backoff function got no error.
        """
        if attempt < 1:
            raise ValueError(f"attempt must be at least 1, not {attempt}")
        if attempt > self.retries:
            return None
        return self.wait_after(attempt, previous, rng, error=error, job=job)

    def wait_after(
        self,
        attempt: int,
        previous: float = 0.0,
        rng: Callable[[], float] = random.random,
        *,
        error: BaseException | None = None,
        job: Any = None,
    ) -> float | None:
        """Return the wait as :meth:`delay_after` does, however many attempts there were."""
        if self.jitter is Jitter.DECORRELATED:
            widest = max(self.base, previous * 3)
            return min(self.cap, self.base + (widest - self.base) * rng())
        wait = self._wait(attempt, error, job)
        return None if wait is None else self._spread(wait, rng)

    def _wait(self, attempt: int, error: BaseException | None, job: Any) -> float | None:
        if isinstance(self.backoff, Backoff):
            return self.base * _GROWTH[self.backoff](attempt)
        if error is None:
            raise ValueError("an own backoff function needs the error of the attempt")
        wait = self.backoff(attempt, error, job)
        return wait.total_seconds() if isinstance(wait, timedelta) else wait

    def _spread(self, wait: float, rng: Callable[[], float]) -> float:
        bounded = min(self.cap, max(0.0, wait))  # in this order NaN becomes 0
        if self.jitter is Jitter.FULL:
            return bounded * rng()
        if self.jitter is Jitter.EQUAL:
            return bounded / 2 + bounded / 2 * rng()
        return bounded


_STAYS = "can't travel with a job; put the policy on the handler: @app.job(retry=...)"

_GROWTH: dict[Backoff, Callable[[int], float]] = {
    # Any cap is reached long before 2^1000; a float ends at 2^1023.
    Backoff.EXPONENTIAL: lambda attempt: 2.0 ** min(attempt - 1, 1000),
    Backoff.LINEAR: float,
    Backoff.QUADRATIC: lambda attempt: float(attempt) ** 2,
    Backoff.CONSTANT: lambda _attempt: 1.0,
}


def _count(retries: Any) -> int:
    whole = isinstance(retries, int) and not isinstance(retries, bool)
    if not whole or not 0 <= retries <= MOST_RETRIES:
        raise ConfigurationError(
            f"retry: {shown(retries)} retries; write a whole number from 0 to {MOST_RETRIES}"
        )
    return int(retries)


def _classes(option: str, values: Any) -> tuple[type[BaseException], ...]:
    several = isinstance(values, Iterable) and not isinstance(values, type)
    classes = tuple(values) if several else (values,)
    for each in classes:
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            raise ConfigurationError(f"{option}: {shown(each)} is no exception class")
    return classes
