"""The help of every command, as a person reads it; a change shows in the review.

``scripts/test tests/unit/cli/test_snapshots.py --snapshot-update`` writes what stands now.
"""

import pytest
from syrupy.assertion import SnapshotAssertion

from .conftest import Run
from .test_main import commands


@pytest.mark.parametrize("command", ["jobqueue", *sorted(commands())])
def test_help(
    run: Run, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion, command: str
) -> None:
    """What ``--help`` prints in a terminal of a hundred columns."""
    monkeypatch.setenv("COLUMNS", "100")
    ended = run(*command.split()[1:], "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == snapshot
