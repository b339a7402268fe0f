"""Injects faults, at times and on targets that follow from the seed.

Faults are in lanes: what harms the same thing comes one after the other, what harms
different things comes at the same time.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from itertools import count
from random import Random

from scripts.faults import watching
from scripts.faults.plan import LEASE
from scripts.faults.registry import Fault, Injection, NotPossibleError
from scripts.faults.stage import Stage

FIRST = 1.5  # seconds until work is under way
GAP = (1.0, 4.0)  # seconds between two faults of a lane
ALONE = (2 * LEASE, 3 * LEASE)  # where there is only one: each time all has recovered before


class Injector:
    """Injects faults in threads of its own.

    Args:
        stage: Where.
        faults: Which.

    Attributes:
        injections: What was injected.
        problems: Why faults could not be injected, by name.
        errors: What went wrong in the suite itself.
    """

    def __init__(self, stage: Stage, faults: Sequence[Fault]) -> None:
        self.injections: list[Injection] = []
        self.problems: dict[str, str] = {}
        self.errors: list[str] = []
        self._stage = stage
        lanes = {fault.lane: [f for f in faults if f.lane == fault.lane] for fault in faults}
        self._watches: list[threading.Thread] = []
        self._lanes = [
            threading.Thread(target=self._run, args=(name, chosen), daemon=True)
            for name, chosen in sorted(lanes.items())
        ]

    def start(self) -> None:
        """Begin."""
        for lane in self._lanes:
            lane.start()

    @property
    def running(self) -> bool:
        """Whether faults are still injected."""
        return any(lane.is_alive() for lane in self._lanes)

    def join(self) -> None:
        """Wait until every fault is over and what we watch has recovered."""
        for thread in [*self._lanes, *self._watches]:
            thread.join()

    def _run(self, lane: str, faults: list[Fault]) -> None:
        random = Random(f"{self._stage.seed} {lane}")
        until = time.monotonic() + self._stage.seconds
        self._stage.sleep(FIRST)
        for number, fault in zip(count(), _order(random, faults)):
            self._stage.sleep(random.uniform(*(GAP if len(faults) > 1 else ALONE)))
            possible = any(each.name not in self.problems for each in faults)
            if time.monotonic() > until or self._stage.over or not possible:
                return
            if fault.name not in self.problems:
                self._inject(fault, Random(f"{self._stage.seed} {lane} {number}"))

    def _inject(self, fault: Fault, random: Random) -> None:
        injection = Injection(fault.name, time.time())
        self.injections.append(injection)
        try:
            fault.inject(self._stage, random, injection)
        except NotPossibleError as error:
            self.injections.remove(injection)
            self.problems[fault.name] = str(error)
        except Exception as error:  # noqa: BLE001 - it is reported, and ends the run with an error
            if not self._stage.over:
                self.errors.append(f"{fault.name}: {error!r}")
        injection.ended = time.time()
        if injection in self.injections:
            self._watch(fault, injection)

    def _watch(self, fault: Fault, injection: Injection) -> None:
        """See when things go on; what a recorder had in hand may take longer than we wait for."""
        if fault.recovery == "rows":
            watching.rows(self._stage, injection)
        elif fault.recovery == "records":
            watch = threading.Thread(target=watching.records, args=(self._stage, injection))
            self._watches.append(watch)
            watch.start()


def _order(random: Random, faults: list[Fault]) -> Iterator[Fault]:
    """Return the faults again and again, each time in another order."""
    while True:
        yield from random.sample(faults, len(faults))
