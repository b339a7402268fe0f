"""The command line of the benchmarks."""

import pytest

from scripts.benchmarks.figures import HISTORY, NODES, SCALE
from scripts.benchmarks.options import arguments, parts
from scripts.peers.harness.catalogue import NAMES


def test_defaults() -> None:
    """Without a flag nothing long is asked for."""
    options = arguments([])
    assert not parts(options)
    assert not any((options.only, options.peers, options.profile, options.kept))


def test_parts() -> None:
    """Several parts may be asked for at once; rows of history are one, too."""
    assert parts(arguments(["--scale", "--nodes", "--history", "5"])) == {SCALE, NODES, HISTORY}


def test_peers() -> None:
    """Names with commas, each once, in their order; or all."""
    assert arguments(["--peers", "rq, saq,rq"]).peers == ["rq", "saq"]
    assert arguments(["--peers", "all"]).peers == list(NAMES)


@pytest.mark.parametrize(
    "words",
    [
        ["--peers", "cellery"],
        ["--peers", "rq", "--scale"],
        ["--peers", "rq", "--profile"],
        ["--profile", "--nodes"],
        ["--from", "run.json", "--growth"],
        ["--only", "drian"],
        ["--rounds", "0"],
        ["--history", "many"],
        ["--redis-server", "/nowhere/redis-server"],
    ],
)
def test_refusals(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong word is named, and nothing starts."""
    with pytest.raises(SystemExit) as ended:
        arguments(words)
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err
