"""The comparison with other queues: what their files say, what their handlers count."""

import sys
from pathlib import Path
from threading import local

import pytest
from packaging.requirements import Requirement

from scripts.benchmarks.figures import QUICK, Values
from scripts.benchmarks.report import Peer, Report
from scripts.peers import tally
from scripts.peers.harness import environments
from scripts.peers.harness.catalogue import NAMES, OURS, chosen, constants, entry
from scripts.peers.harness.comparison import Comparison
from scripts.peers.harness.table import columns, goals, lines, titles
from tests.support.measured import MACHINE


@pytest.mark.parametrize("name", NAMES)
def test_what_a_peer_says(name: str) -> None:
    """Its own package comes first; every version is pinned, by no address."""
    peer = entry(name)
    requirements = [Requirement(line) for line in peer.requirements]
    assert requirements[0].name == name
    assert peer.version
    assert all(str(each.specifier).startswith("==") and not each.url for each in requirements)
    assert peer.broker in {"redis", "postgres"}
    assert peer.choices


def test_ours() -> None:
    """We are measured as a peer, from this tree and this environment."""
    assert entry(OURS).requirements == ()
    assert environments.python_of(entry(OURS)) == Path(sys.executable)


def test_constants_are_read_without_running_anything() -> None:
    """The peers' packages are not installed here."""
    source = "import nowhere\nONE = 1\nPEER = nowhere.Class\nTWO = ('a',)\nlower = 3\n"
    assert constants(source) == {"ONE": 1, "TWO": ("a",)}


def test_an_unknown_peer() -> None:
    """It is named, with those that there are."""
    with pytest.raises(ValueError, match=r"no peer cellery: there are .*celery"):
        chosen("rq,cellery")


def test_a_python_that_is_not_here() -> None:
    """A peer that needs one is not installed, and says why."""
    with pytest.raises(environments.NotInstalled, match=r"Python 3\.99"):
        environments.interpreter((3, 99))


def test_a_peer_that_cannot_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reported with pip's last words, and tried again the next time."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(environments, "_run", _refuse)
    with pytest.raises(environments.NotInstalled, match="no such version"):
        environments.python_of(entry("rq"))
    assert not list(tmp_path.rglob("ready"))


def _refuse(_command: list[str]) -> None:
    raise environments.NotInstalled("no such version")


def test_tally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and waits of a handler are counted in shared memory, and forgotten when asked."""
    monkeypatch.setenv("PEER_TALLY", str(tmp_path))
    monkeypatch.setattr(tally, "_own", local())
    for value in (0, "text", 1):
        tally.note(value)
    found = tally.read(tmp_path, waits=True)
    assert found.ran == 3
    assert 0 < found.first <= found.last
    [(sent, wait)] = found.waits
    assert (sent, wait > 0) == (1, True)
    tally.clear(tmp_path)
    assert tally.read(tmp_path).ran == 0


def test_rates_of_a_tally() -> None:
    """A rate is of the runs after the first, over the time between both ends."""
    assert tally.Tally(ran=101, first=0, last=10**9).rate == 100
    assert tally.Tally(ran=1, first=5, last=5).rate == 0


def compared() -> Report:
    """Return the report of two rounds of ours and RQ, and one that failed."""
    found = Comparison([entry(name) for name in (OURS, "rq", "saq")])
    for drain, saq in ((300.0, 350.0), (500.0, 0.0)):
        values: Values = {"rq.drain": drain, "rq.p50": 5.0, "jobqueue.drain": drain * 1.5}
        found.rounds.append(
            values | {"bare-loop.drain": 90_000.0} | ({"saq.one": saq} if saq else {})
        )
    found.failures["saq"] = "it ended"
    peers = [Peer(each.name, each.version, each.choices) for each in found.peers]
    return Report(MACHINE, QUICK, 2, found.found, found.failures, peers=peers)


def test_the_table_of_peers() -> None:
    """Fastest first, ours marked, dashes where nothing was measured; failures have reasons."""
    text = lines(compared())
    order = [line.split()[0] for line in text[1:5]]
    assert order == ["bare-loop", "*", "rq", "saq"]
    assert "400" in text[3]
    assert text[4].split()[2:] == [*("-",) * 3, "350", *("-",) * 5]
    assert "FAILED saq: it ended" in text
    assert any(line.startswith("rq: SimpleWorker") for line in text)


def test_goals_that_the_best_peer_sets() -> None:
    """A ratio is made in each round; the chart says it too; it needs ours and theirs."""
    assert goals(compared()) == ["drained, of the best peer (rq): 1.50, goal ≥ 1.8: missed"]
    drained, bulk, *_ = titles(compared())
    assert drained == "drained, /s\n1.50 of the best peer; goal ≥ 1.8: missed"
    assert bulk == "in bulk, /s"


def test_panels_have_the_best_first() -> None:
    """More is better of rates, less of times."""
    drained, *_ = columns(compared())
    assert drained[0] == ["bare-loop", "jobqueue", "rq"]
    latencies = columns(compared())[4]
    assert latencies == (["rq"], [5.0])
