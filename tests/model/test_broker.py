"""The broker does what its model does, in whatever order things happen.

``JOBQUEUE_MODEL_EXAMPLES=2000 pytest -o faulthandler_timeout=0 tests/model`` looks longer.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import LimitedMachine, Machine

EXAMPLES = int(os.environ.get("JOBQUEUE_MODEL_EXAMPLES", "35"))


@pytest.mark.parametrize("machine", [Machine, LimitedMachine])
def test_model(redis_url: str, machine: type[Machine]) -> None:
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
