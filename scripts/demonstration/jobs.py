"""The jobs of the demo, as a user would write them."""

import ast
import tokenize
from typing import TypedDict

from jobqueue import JobQueue, Retry, current_job

app = JobQueue()

RETRY = Retry(2, base=1, backoff="constant", jitter="none")
DELAY = 3.0  # seconds


class Counts(TypedDict):
    """What a file holds."""

    lines: int
    functions: int
    classes: int


@app.job(retry=RETRY)
def count_file(path: str) -> Counts:
    """Parse a Python file and count what is in it."""
    with tokenize.open(path) as file:
        text = file.read()
    nodes = [type(node) for node in ast.walk(ast.parse(text, path))]
    return {
        "lines": text.count("\n") + (text[-1:] not in ("", "\n")),
        "functions": nodes.count(ast.FunctionDef) + nodes.count(ast.AsyncFunctionDef),
        "classes": nodes.count(ast.ClassDef),
    }


@app.job(queue="clock", retry=RETRY)
def flaky() -> None:
    """Succeed on the third attempt only."""
    if current_job().attempt < RETRY.retries + 1:
        raise ConnectionError("the service is busy, try later")


@app.job(queue="clock")
def delayed() -> None:
    """Run when its time has come."""


@app.job(queue="clock")
def tick() -> None:
    """Run every second; ``clock.py`` has the schedule."""
