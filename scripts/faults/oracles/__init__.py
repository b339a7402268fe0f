"""What must hold after any fault. Each oracle looks at the truth and yields what is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scripts.faults.oracles import effects, ends, explained, keys, order, times
from scripts.faults.truth import Truth

Oracle = Callable[[Truth], Iterator[str]]


@dataclass(frozen=True)
class Verdict:
    """What an oracle said."""

    name: str
    problems: list[str]


ORACLES: dict[str, Oracle] = {
    "every accepted job has one end": ends.one_end,
    "nothing runs that was not enqueued": ends.known,
    "jobs end as they should": ends.as_planned,
    "attempts are contiguous": ends.attempts,
    "one row for each delivery that began": ends.rows,
    "a delivery runs once, and its fence grows": effects.fences,
    "no two attempts have effects": effects.once,
    "nothing starts early": times.early,
    "locks never overlap": keys.locks,
    "limits hold": keys.limits,
    "rates hold": keys.rates,
    "unique jobs are alone": keys.unique,
    "priorities hold": order.priorities,
    "second deliveries are explained": explained.unexplained,
    "Redis is back at its baseline": lambda truth: iter(truth.left),
    "no service ended by itself": ends.exits,
}


def ask(truth: Truth) -> list[Verdict]:
    """Ask every oracle."""
    return [Verdict(name, list(oracle(truth))) for name, oracle in ORACLES.items()]
