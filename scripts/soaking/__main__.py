"""Runs the soak: ``scripts/soak``."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from jobqueue.cli.output import table
from jobqueue.domain.errors import JobQueueError
from scripts.common.stage import ServiceEnded, Stage
from scripts.soaking import stage
from scripts.soaking.judging import Verdict, judge
from scripts.soaking.producer import Producer
from scripts.soaking.sampling import Sampler

SHORTEST = 2.0  # seconds between two samples
SAMPLES = 1000  # of a long soak
WARM_UP = 60.0  # seconds at least: what is kept for a while reaches its level


class Soak:
    """One soak.

    Args:
        stage: Where it runs.
        seconds: How long.
        rate: Jobs a second.
    """

    def __init__(self, stage: Stage, seconds: float, rate: float) -> None:
        self._stage = stage
        self._seconds = seconds
        self._every = max(SHORTEST, seconds / SAMPLES)
        self._producer = Producer(rate)
        self._samples: list[Mapping[str, float]] = []
        self._rows = 0

    async def run(self) -> None:
        """Run until the time is over, or a signal comes."""
        over = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, over.set)
        producing = asyncio.create_task(self._producer.run())
        watching = asyncio.create_task(self._watch())
        waiting = asyncio.create_task(over.wait())
        tasks = {producing, watching, waiting}
        done, _ = await asyncio.wait(
            tasks, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in tasks - done:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _watch(self) -> None:
        end = time.monotonic() + self._seconds
        with closing(Sampler(self._stage.redis_url, self._stage.database_url)) as sampler:
            while True:
                await asyncio.sleep(self._every)
                self._stage.check()
                self._samples.append(await asyncio.to_thread(sampler.sample, self._stage.pids))
                self._rows = sampler.rows
                self._say(f"{max(end - time.monotonic(), 0) / 60:.1f} min left")

    def _say(self, words: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{self._producer.jobs:,} jobs, {self._rows:,} rows, {words}")
            sys.stderr.flush()

    def verdicts(self) -> list[Verdict]:
        """Return what became of each measure."""
        return judge(self._samples, round(WARM_UP / self._every))

    @property
    def summary(self) -> dict[str, int]:
        """What was done."""
        return {
            "jobs": self._producer.jobs,
            "rows": self._rows,
            "samples": len(self._samples),
        }


def _print(soak: Soak, verdicts: Sequence[Verdict], *, as_json: bool) -> bool:
    """Print the table and the last line; return whether all is well."""
    growing = [each.name for each in verdicts if each.grows]
    good = bool(verdicts) and not growing
    if as_json:
        shown = {"good": good, **soak.summary, "measures": [asdict(each) for each in verdicts]}
        print(json.dumps(shown, indent=2))
        return good
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    rows = [
        (
            v.name,
            *(f"{n:,.1f}" for n in (v.first, v.middle, v.last)),
            "GROWS" if v.grows else "flat",
        )
        for v in verdicts
    ]
    print(table(("MEASURE", "FIRST THIRD", "MIDDLE", "LAST THIRD", "VERDICT"), rows))
    said = ", ".join(f"{count:,} {what}" for what, count in soak.summary.items())
    words = f"{len(growing)} of {len(verdicts)} measures grow" if verdicts else "too short to judge"
    print(f"\nsoak: {said}, {words}")
    return good


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0, help="how long")
    parser.add_argument("--rate", type=float, default=50.0, help="jobs a second")
    parser.add_argument("--json", action="store_true", help="print the result for programs")
    return parser.parse_args()


def main() -> int:
    """Run the soak; return its exit code."""
    options = _options()
    if sys.platform != "linux":
        print("soak: needs /proc, which this system does not have", file=sys.stderr)
        return 2
    prefix = "jobqueue-soak-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        try:
            with stage.opened(Path(name)) as opened:
                soak = Soak(opened, options.hours * 3600, options.rate)
                with contextlib.suppress(KeyboardInterrupt):
                    asyncio.run(soak.run())
        except (JobQueueError, ServiceEnded) as error:
            print(f"soak: failed: {error}", file=sys.stderr)
            return 1
        return 0 if _print(soak, soak.verdicts(), as_json=options.json) else 1


if __name__ == "__main__":
    sys.exit(main())
