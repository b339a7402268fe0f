"""Flags and arguments that several commands take, so that each reads alike everywhere.

Those of settings come from their table (``options.py``), those of ``--watch`` from ``watching.py``.
"""

from typing import Annotated

import typer

from jobqueue.cli.values import Text

AppPath = Annotated[
    Text, typer.Argument(metavar="MODULE:APP", show_default=False, help="Your JobQueue object.")
]
JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]
ItsQueue = Annotated[Text, typer.Option(metavar="NAME", help="Its queue; else all are asked.")]
OfQueue = Annotated[Text, typer.Option(metavar="NAME", help="Only jobs of this queue.")]
OfName = Annotated[Text, typer.Option(metavar="NAME", help="Only jobs of this name.")]
WithTag = Annotated[Text, typer.Option(metavar="TAG", help="Only jobs with this tag.")]
Most = Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most lines.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the operator log.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say how many, and change nothing.")]
