"""The broker does what its model does, in whatever order things happen.

Hypothesis tries odd orders and finds the shortest that fails; walks by chance go deep. To look
longer: ``JOBQUEUE_MODEL_EXAMPLES=1000 pytest -o faulthandler_timeout=0 tests/model``.
"""

import os
import random
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import SETTLED, WORKERS, LimitedMachine, Machine

EXAMPLES = int(os.environ.get("JOBQUEUE_MODEL_EXAMPLES", "12"))
machines = pytest.mark.parametrize("machine", [Machine, LimitedMachine])


@machines
def test_orders(redis_url: str, machine: type[Machine]) -> None:
    """Every interleaving leads to the same states, orders and counts, and leaves nothing."""
    run_state_machine_as_test(
        type(machine.__name__, (machine,), {"url": redis_url}),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize="JOBQUEUE_MODEL_EXAMPLES" not in os.environ,
            database=None,
            print_blob=True,
        ),
    )


@machines
@pytest.mark.parametrize("seed", range(EXAMPLES // 3))
def test_walks(redis_url: str, machine: type[Machine], seed: int) -> None:
    """The same on a long way, in a queue that is never empty for long."""
    chance = random.Random(seed)
    walker = type(machine.__name__, (machine,), {"url": redis_url})()
    with closing(walker):
        for _ in range(120):
            step(walker, chance)
            walker.agrees()
        walker.finish_all()


def step(walker: Machine, chance: random.Random) -> None:
    """Do one thing."""
    which = chance.randrange(1 << 16)
    steps: list[tuple[int, Any, dict[str, Any]]] = [
        (8, walker.enqueue, {"which": which} | wishes(chance)),
        (5, walker.fetch, {"worker": chance.choice(WORKERS), "slots": chance.randint(1, 3)}),
        (5, walker.finish, {"which": which, "state": chance.choice(SETTLED)}),
        (2, walker.release, {"which": which}),
        (1, walker.crash, {"worker": chance.choice(WORKERS), "last": which % 3 == 0}),
        (2, walker.cancel, {"which": which, "delete": which % 3 == 0}),
        (3, walker.promote, {"which": which, "early": which % 2 == 0}),
        (2, walker.prioritise, {"which": which, "priority": chance.randrange(4)}),
        (1, walker.pause, {"on": which % 4 == 0}),
        (1, walker.recover, {"worker": chance.choice(WORKERS)}),
        (1, walker.fetch_all, {}),
        (2, walker.record, {}),
    ]
    if which % 4 == 0:  # seldom, or there is never much
        steps.append((1, walker.sweep, {"name": "y", "running": which % 8 == 0}))
    if walker.letters:
        steps.append((1, walker.redrive, {"which": which}))
    if walker.stale:
        steps.append((1, walker.late, {"which": which}))
    if isinstance(walker, LimitedMachine):
        change = {"n": chance.randint(0, 3), "which": which % 3, "end": chance.random() < 0.3}
        steps.append((2, walker.change, change))
    [(_, play, options)] = chance.choices(steps, [weight for weight, *_ in steps])
    play(**options)


def wishes(chance: random.Random) -> dict[str, Any]:
    """Return what a new job asks for."""
    return {
        "name": chance.choice("xxy"),
        "priority": chance.randrange(4),
        "lock": chance.choice([None, None, "l", "m"]),
        "unique": chance.choice([None, None, None, "u", "v"]),
        "start": chance.choice([None, True]),
        "conflict": chance.choice([None, "return", "replace"]),
        "key": chance.choice([None, "k", "k", "o"]),
        "later": chance.random() < 0.4,
    }
