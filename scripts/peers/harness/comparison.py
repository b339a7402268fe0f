"""All peers beside ours and the bare loop, in interleaved rounds."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from jobqueue import JobQueueError
from scripts.benchmarks import bare, report
from scripts.benchmarks.figures import Broken, Figure, Goal, Series, Size, Values
from scripts.peers.harness.catalogue import OURS, Entry, entry
from scripts.peers.harness.environments import NotInstalled, python_of
from scripts.peers.harness.measures import Effort, Subject
from scripts.peers.harness.processes import Place
from scripts.peers.harness.servers import Servers

LONGEST = 600.0  # seconds for one peer in one round
BARE = "bare-loop"

# What is measured: its key, what people read, its unit, and whether more is better.
MEASURES = (
    ("drain", "drained", "/s", True),
    ("bulk", "in bulk", "/s", True),
    ("hundred", "100 at once", "/s", True),
    ("one", "one by one", "/s", True),
    ("p50", "p50", "ms", False),
    ("p99", "p99", "ms", False),
    ("bytes", "waiting", "bytes", False),
    ("worker_cpu", "worker CPU", "µs", False),
    ("broker_cpu", "broker CPU", "µs", False),
)


# What our measure shall be of the best peer's, in the same run.
GOALS = {
    "drain": Goal(">=", 1.8),
    "hundred": Goal(">=", 1.2),
    "p50": Goal("<=", 1.0),
    "p99": Goal("<=", 1.0),
}


@dataclass
class Comparison:
    """What was found: values by ``peer.measure`` for each round, and what went wrong."""

    peers: list[Entry]
    rounds: list[Values] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def found(self) -> list[Series]:
        """Every figure that has a value, our goals first, then ours."""
        names = [OURS, BARE, *(peer.name for peer in self.peers)]
        figures = [
            Figure(f"{name}.{key}", f"{name}: {what}", unit)
            for name in dict.fromkeys(names)
            for key, what, unit, _ in MEASURES
        ]
        goals = [
            each for key, what, _, more in MEASURES if (each := self._goal(key, what, more=more))
        ]
        return [*goals, *report.found(figures, self.rounds)]

    def _goal(self, key: str, what: str, *, more: bool) -> Series | None:
        """Return our ratio to the best peer in each round; the best is so by its median."""
        names = (f"{peer.name}.{key}" for peer in self.peers if peer.name != OURS)
        known = report.found([Figure(name, "", "") for name in names], self.rounds)
        if key not in GOALS or not known:
            return None
        best = (max if more else min)(known, key=lambda each: each.median).figure.name
        ratios = [
            values[f"{OURS}.{key}"] / values[best]
            for values in self.rounds
            if f"{OURS}.{key}" in values and best in values
        ]
        peer = best.removesuffix(f".{key}")
        figure = Figure(of_best(key), f"{what}, of the best peer ({peer})", "", GOALS[key])
        return Series(figure, ratios, []) if ratios else None


def of_best(key: str) -> str:
    """Return the name of the figure that has our ratio to the best peer."""
    return f"{OURS}.{key}.of_best"


async def compare(
    servers: Servers, names: Sequence[str], effort: Effort, size: Size, rounds: int
) -> Comparison:
    """Install, try and measure."""
    peers = [entry(name) for name in [OURS, *names]]
    found = Comparison(peers)
    subjects = [each for peer in peers if (each := await _prepared(servers, peer, found))]
    for number in range(1, rounds + 1):
        values: Values = {}
        found.rounds.append(values)
        _say(f"round {number} of {rounds}: the bare loop")
        await servers.stage.reset()
        limits = await bare.measure(servers.stage, size)
        values |= _of(BARE, {key: limits[name] for key, name in bare.AS_PEER.items()})
        for subject in _turned(subjects, number):
            name = subject.place.peer.name
            _say(f"round {number} of {rounds}: {name}")
            try:
                async with asyncio.timeout(LONGEST):
                    values |= _of(name, await subject.measure(effort))
            except (Broken, JobQueueError, TimeoutError) as error:
                _fail(found, name, f"in round {number}: {_reason(error)}")
    return found


async def _prepared(servers: Servers, peer: Entry, found: Comparison) -> Subject | None:
    """Install a peer and see that it works; None, and a reason, when it does not."""
    _say(f"preparing {peer.name} {peer.version}")
    try:
        python = await asyncio.to_thread(python_of, peer)
        folder = servers.folder / peer.name
        folder.mkdir()
        subject = Subject(Place(peer, python, servers.url(peer.broker), folder), servers)
        async with asyncio.timeout(LONGEST):
            await subject.try_out()
    except (NotInstalled, Broken, TimeoutError, OSError) as error:
        _fail(found, peer.name, _reason(error))
        return None
    return subject


def _turned(subjects: list[Subject], number: int) -> list[Subject]:
    """Return them in another order in each round: nobody always follows the same one."""
    first = number % len(subjects) if subjects else 0
    return subjects[first:] + subjects[:first]


def brokers_of(peers: Sequence[str]) -> set[str]:
    """Return the brokers that these peers need."""
    return {entry(name).broker for name in peers} | {"redis"}


def _of(name: str, values: Values) -> Values:
    return {f"{name}.{key}": value for key, value in values.items()}


def _reason(error: BaseException) -> str:
    return str(error) or f"gave up after {LONGEST:g} s"


def _fail(found: Comparison, name: str, why: str) -> None:
    _say(f"{name} failed: {why}")
    found.failures[name] = why


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
