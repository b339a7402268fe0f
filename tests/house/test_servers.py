"""Whoever starts a Redis for a test lets ``judge`` look at the keys that the test has left."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
STARTS = re.compile(r"\b(ValkeyServer|fast_redis|Cluster|Watched|Project|redis_server)\(")
JUDGES = re.compile(r"\bjudge\(|mark\.keys_not_judged\(")


def test_keys_are_judged_wherever_a_server_is_started() -> None:
    """A file that starts one calls ``judge``, or its tests say why there is nothing to judge."""
    folders = ("acceptance", "integration", "migration", "model", "unit")
    files = [TESTS / "conftest.py", *(f for each in folders for f in TESTS.glob(f"{each}/**/*.py"))]
    texts = {file: file.read_text("utf-8") for file in files}
    starting = {file for file, text in texts.items() if STARTS.search(text)}
    assert TESTS / "conftest.py" in starting
    assert [file for file in starting if not JUDGES.search(texts[file])] == []
