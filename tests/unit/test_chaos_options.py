"""The command line of the fault suite says what it takes."""

import sys

import pytest

from scripts.faults import options
from scripts.faults.catalogue import FAULTS


def test_help_leads_to_the_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The help of ``--fault`` names the word for all, and where the other names are."""
    monkeypatch.setattr(sys, "argv", ["scripts/chaos", "--help"])
    with pytest.raises(SystemExit):
        options.parse()
    assert "names that --list shows; default: all" in " ".join(capsys.readouterr().out.split())


def test_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """All, among others, means every fault."""
    monkeypatch.setattr(sys, "argv", ["scripts/chaos", "--fault", "oom", "all"])
    assert options.parse().faults == list(FAULTS)
