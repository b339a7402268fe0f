"""The command line of the benchmarks."""

import pytest

from scripts.benchmarks.options import arguments
from scripts.peers.harness.catalogue import NAMES


def test_defaults() -> None:
    """Without a flag nothing long is asked for."""
    options = arguments([])
    assert not any((options.scale, options.growth, options.history, options.peers, options.only))


def test_peers() -> None:
    """Names with commas, each once, in their order; or all."""
    assert arguments(["--peers", "rq, saq,rq"]).peers == ["rq", "saq"]
    assert arguments(["--peers", "all"]).peers == list(NAMES)


@pytest.mark.parametrize(
    "words",
    [
        ["--peers", "cellery"],
        ["--peers", "rq", "--scale"],
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
