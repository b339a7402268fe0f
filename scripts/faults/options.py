"""The command line of the fault suite."""

import argparse
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.common.options import positive, program
from scripts.faults.catalogue import FAULTS

ALL = "all"


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    faults: list[str]
    jobs: int
    seconds: float
    seed: int
    json: str | None
    server: Path | None
    fsync: str
    old: str | None
    keep: Path | None
    listed: bool
    each: bool

    def apart(self) -> "list[Options]":
        """The runs to make, one after the other: one, or one for each fault."""
        if not self.each:
            return [self]
        return [
            replace(self, faults=[fault], keep=self.keep and self.keep / fault)
            for fault in self.faults
        ]

    @property
    def repeat(self) -> str:
        """The command that repeats the run."""
        named = "" if len(self.faults) == len(FAULTS) else f" --fault {' '.join(self.faults)}"
        fsync = "" if self.fsync == "always" else f" --appendfsync {self.fsync}"
        size = f"--seed {self.seed} --jobs {self.jobs} --seconds {self.seconds:g}"
        return f"scripts/chaos {size}{named}{fsync}"


def parse() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description="Inject faults into a running system of its own and check that nothing is "
        "lost, doubled, early or left over. Leases take 3 s, Redis has an AOF.",
    )
    add = parser.add_argument
    add("--fault", nargs="+", default=[ALL], choices=[ALL, *FAULTS], metavar="NAME",
        help=f"which faults: names that --list shows; default: {ALL}, a mix of them")  # fmt: skip
    add("--each", action="store_true",
        help="a run for each fault by itself, one after the other")  # fmt: skip
    add("--list", action="store_true", help="list the faults and end")
    add("--jobs", type=positive, default=3000, metavar="N", help="default 3000")
    add("--seconds", type=float, default=60.0, metavar="S",
        help="how long jobs are enqueued and faults injected; default 60")  # fmt: skip
    add("--seed", type=int, metavar="N", help="repeats the jobs and faults of a run")
    add("--json", metavar="FILE", help="write the figures there too")
    add("--redis-server", type=program, metavar="PATH",
        help="a Redis or Valkey server program; default: Valkey of the embedded extra")  # fmt: skip
    add("--appendfsync", choices=["always", "everysec"], default="always",
        help="with everysec a killed Redis may lose its last moments; default always")  # fmt: skip
    add(
        "--old", metavar="REVISION", help="the other version of mixed-versions; default: newest tag"
    )
    add("--keep", type=Path, metavar="FOLDER", help="leave logs and notes in this new folder")
    given = parser.parse_args()
    chosen = list(FAULTS) if ALL in given.fault else list(dict.fromkeys(given.fault))
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    return Options(
        chosen, given.jobs, given.seconds, seed, given.json, given.redis_server,
        given.appendfsync, given.old, given.keep, given.list, given.each,
    )  # fmt: skip
