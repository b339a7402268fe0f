"""``jobqueue regressions``: did a deployment make jobs slower, or fail more often?"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from jobqueue.cli import values
from jobqueue.cli.context import Cli
from jobqueue.cli.options import takes
from jobqueue.cli.output import duration, moment, table
from jobqueue.domain.regressions import Bounds, Judgement, Sample, judge
from jobqueue.domain.suggest import shown

_SIDES = [f"{each} BEFORE" for each in ("RUNS", "FAILED", "P50", "P95")]
HEADERS = ("NAME", "VERDICT", *(head for each in _SIDES for head in (each, "AFTER")), "WORSE")


@takes("database_url", json=True)
def regressions(
    cli: Cli,
    since: Annotated[
        str,
        typer.Option(metavar="TIME", help=f"When it changed: {values.AGO}."),
    ],
    window: Annotated[
        str, typer.Option(metavar="DURATION", help="How long before that to compare with.")
    ] = "1d",
    min_runs: Annotated[int, typer.Option(min=2, help="Fewest runs on each side.")] = 30,
    slower: Annotated[
        float, typer.Option(min=0, metavar="PERCENT", help="Growth of a duration that matters.")
    ] = 20.0,
    failures: Annotated[
        float, typer.Option(min=0, metavar="PERCENT", help="Growth of failures that matters.")
    ] = 1.0,
) -> None:
    """Compare durations and failure rates of each name before and after a moment.

    Prints a line for each name, the worse ones first, each figure before and after. Durations
    are those of runs that succeeded. Exits 1 if a name got worse, by more than chance would; 2 if
    an option is wrong; 5 if PostgreSQL can't be reached.
    """
    from jobqueue.history import comparing

    changed = values.ago("--since", since).astimezone(UTC)
    if changed > (now := datetime.now(UTC)):
        raise typer.BadParameter(f"{shown(since)} is in the future", param_hint="--since")
    start = changed - timedelta(seconds=values.seconds("--window", window))
    url = cli.settings.required("database_url")
    bounds = Bounds(runs=min_runs, slower=slower / 100, failures=failures / 100)
    compared = comparing.compare(url, start=start, since=changed, end=now)
    judged = sorted((judge(each, bounds) for each in compared), key=_order)
    cli.emit(_answer(start, changed, now, judged), _people(start, changed, now, judged))
    if any(each.verdict == "worse" for each in judged):
        raise typer.Exit(1)


def _order(judged: Judgement) -> tuple[bool, str]:
    return judged.verdict != "worse", judged.name


def _answer(
    start: datetime, since: datetime, until: datetime, judged: Sequence[Judgement]
) -> dict[str, Any]:
    return {"before": start, "since": since, "until": until, "names": judged}


def _people(start: datetime, since: datetime, until: datetime, judged: Sequence[Judgement]) -> str:
    line = f"before: {moment(start)} to {moment(since)}; after: to {moment(until)}"
    return f"{line}\n\n{table(HEADERS, map(_row, judged))}"


def _row(judged: Judgement) -> tuple[Any, ...]:
    sides = (judged.before, judged.after)
    cells = (
        *(side.runs for side in sides),
        *(_percent(side) for side in sides),
        *(duration(side.p50) for side in sides),
        *(duration(side.p95) for side in sides),
    )
    return (judged.name, judged.verdict, *cells, ", ".join(judged.worse) or None)


def _percent(side: Sample) -> str | None:
    return f"{100 * side.failure_rate:.3g}%" if side.runs else None
