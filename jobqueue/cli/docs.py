"""``jobqueue docs``: the manual, from inside the package."""

from collections.abc import Iterator
from typing import Annotated

import typer

from jobqueue.cli.context import Cli
from jobqueue.cli.options import takes
from jobqueue.cli.output import table
from jobqueue.domain.suggest import did_you_mean


@takes(json=True)
def docs(
    cli: Cli,
    topic: Annotated[str | None, typer.Argument(metavar="TOPIC", help="The page to print.")] = None,
) -> None:
    """List the pages of the manual, or print one.

    Prints a table of topics and titles, or the page as Markdown. Exits 2 if there is no such page.
    """
    pages = dict(sorted(_pages()))
    if topic is None:
        titles = {name: _title(text) for name, text in pages.items()}
        cli.emit(titles, table(("TOPIC", "TITLE"), titles.items()))
    elif topic in pages:
        cli.emit({"topic": topic, "text": pages[topic]}, pages[topic].rstrip())
    else:
        problem = f"no page {topic!r}; {did_you_mean(topic, pages)}"
        raise typer.BadParameter(problem, param_hint="TOPIC")


def _pages() -> Iterator[tuple[str, str]]:
    from importlib.resources import files  # slow to import, and --help needs none

    for entry in (files("jobqueue") / "docs").iterdir():
        if entry.name.endswith(".md"):
            yield entry.name.removesuffix(".md"), entry.read_text(encoding="utf-8")


def _title(text: str) -> str:
    return text.partition("\n")[0].removeprefix("# ").strip()
