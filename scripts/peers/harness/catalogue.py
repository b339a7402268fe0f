"""What the files of the peers say at their top, read without importing them."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1]
OURS = "jobqueue"

NAMES = (
    *("tarsk-redis", "ardiq", "pgqueuer", "dramatiq", "saq", "taskiq", "arq"),
    *("celery", "rq", "streaq", "huey", "pydocket", "bullmq", "procrastinate"),
)


@dataclass(frozen=True)
class Entry:
    """One peer.

    Args:
        name: Of its package, as the command line and the tables call it.
        module: Its file's name, without ``.py``.
        broker: ``redis`` or ``postgres``.
        choices: The settings that it runs on, in words.
        requirements: What to install; none for ours.
        python: The oldest Python that it takes.
    """

    name: str
    module: str
    broker: str
    choices: str
    requirements: tuple[str, ...] = ()
    python: tuple[int, int] = (3, 11)

    @property
    def version(self) -> str:
        """The version of the peer itself."""
        return self.requirements[0].partition("==")[2] if self.requirements else "this tree"


def entry(name: str) -> Entry:
    """Return what a peer's file says."""
    module = "ours" if name == OURS else name.replace("-", "_")
    found = constants((FOLDER / f"{module}.py").read_text("utf-8"))
    return Entry(
        name,
        module,
        found["BROKER"],
        found["CHOICES"],
        found.get("REQUIREMENTS", ()),
        found.get("PYTHON", (3, 11)),
    )


def constants(source: str) -> dict[str, Any]:
    """Return the constants of a module: what is assigned to names in capitals, and plain."""
    values: dict[str, Any] = {}
    for node in ast.parse(source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper():
                try:
                    values[name] = ast.literal_eval(value)
                except ValueError:
                    continue  # PEER is a class
    return values


def chosen(text: str) -> list[str]:
    """Read names with commas between them, or ``all``.

    Raises:
        ValueError: There is no peer of a name.
    """
    names = list(NAMES) if text == "all" else [each.strip() for each in text.split(",")]
    if unknown := [name for name in names if name not in NAMES]:
        raise ValueError(f"no peer {', '.join(unknown)}: there are {', '.join(NAMES)}")
    return list(dict.fromkeys(names))
