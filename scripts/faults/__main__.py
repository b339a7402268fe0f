"""Runs the fault suite: ``scripts/chaos``."""

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType

import msgspec

from jobqueue import JobQueueError
from jobqueue.cli import output
from scripts.common.screen import Screen
from scripts.faults import options, report, servers
from scripts.faults.catalogue import FAULTS
from scripts.faults.options import Options
from scripts.faults.plan import LEASE
from scripts.faults.run import Run
from scripts.faults.services import Crew
from scripts.faults.stage import Stage

INTERRUPTED = 130


@contextmanager
def _staged(chosen: Options, folder: Path) -> Iterator[Stage]:
    random = Random(f"{chosen.seed} proxies")
    with servers.opened(folder, random, chosen.server, chosen.fsync) as opened:
        stage = Stage(
            folder, opened, Crew(folder), chosen.seed, chosen.jobs, chosen.seconds, chosen.old
        )
        try:
            yield stage
        finally:
            stage.end()


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="jobqueue-chaos-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _runs(screen: Screen, chosen: Options) -> int:
    made: list[report.Report] = []
    for alone in chosen.apart():
        if chosen.each:
            screen.heading(*alone.faults, FAULTS[alone.faults[0]].text)
        with _folder(alone.keep) as folder, _staged(alone, folder) as stage:
            made.append(Run(screen, stage, alone).run())
    whole = report.together(made)
    if chosen.each:
        screen.heading("Each fault by itself")
        screen.table(report.HEADERS, [row.cells() for row in whole.rows])
    if chosen.json:
        Path(chosen.json).write_bytes(msgspec.json.format(msgspec.json.encode(whole)))
    screen.last(whole.last_line(), good=whole.good)
    return 0 if whole.good else 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run the suite; return its exit code."""
    chosen = options.parse()
    if chosen.listed:
        print(output.table(("fault", "what happens"), [(f.name, f.text) for f in FAULTS.values()]))
        return 0
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _interrupt)
    screen = Screen(sys.stdout)
    screen.title(
        "jobqueue chaos",
        f"{chosen.jobs} jobs in {chosen.seconds:g} s, seed {chosen.seed}, leases of {LEASE:g} s, "
        f"AOF {chosen.fsync}",
    )
    try:
        return _runs(screen, chosen)
    except KeyboardInterrupt:
        screen.last("chaos: stopped; nothing is left running", good=False)
        return INTERRUPTED
    except JobQueueError as error:
        screen.last(f"chaos: failed: {error}", good=False)
        return 1


if __name__ == "__main__":
    sys.exit(main())
