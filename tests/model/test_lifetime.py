"""No order of events breaks the promises, and without any one rule some order does."""

import pytest

from tests.model.lifetime import Lifetime, Rules
from tests.model.walk import walk


@pytest.mark.parametrize(
    ("attempts", "faults", "redrives"), [(2, 1, True), (1, 2, False), (2, 2, False)]
)
def test_every_order(attempts: int, faults: int, redrives: bool) -> None:
    """Every order of events in which so many things go wrong can still end well."""
    worlds, broken = walk(Lifetime(Rules(), attempts, redrives=redrives), faults)
    assert broken == []
    assert worlds > 10_000


@pytest.mark.parametrize("rule", Rules._fields)
def test_each_rule_is_needed(rule: str) -> None:
    """Without this rule a promise is broken: the model sees what it is there to see."""
    _, broken = walk(Lifetime(Rules()._replace(**{rule: False})), 1)
    assert broken
