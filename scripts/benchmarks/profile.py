"""What each microsecond of a job goes to, in Redis and in the process at the other end.

Each of the ``works`` tells both. The process samples itself (``sampling``). In Redis ``INFO
commandstats`` has the time of every command, those that scripts called included, the slow log
keeps how long each call of a script took, and the same work with few jobs under ``MONITOR`` tells
which script calls which command how often; each such call counts as much as a call of that command
takes on average. What no command accounts for is the server's own: sockets, parsing of requests,
the append-only file. Redis times commands by the clock, so on a busy machine they seem to take
more, and it less.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

import msgspec

from jobqueue.broker.scripts import script
from scripts.benchmarks.figures import Broken, Size
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.usage import MICRO
from scripts.benchmarks.works import WORKS, Do, Work

SLOW = 10  # µs: less than any script with a batch, more than nearly every command within one
LONGEST_LOG = 1_000_000
CALLS = ("evalsha", "eval")
OURS = ("info", "slowlog", "config")
DONE = "profile-is-over"
LOOKS = 0.05  # seconds of CPU in which a process is looked at for certain
PATIENCE = 10.0  # seconds for the last line of MONITOR


class Command(msgspec.Struct):
    """A command within a script: how often for a job, and its µs a job."""

    name: str
    times: float
    micros: float


class ScriptCost(msgspec.Struct):
    """A script: its calls for a job and its µs a job, with the commands that it calls."""

    name: str
    calls: float
    micros: float
    commands: list[Command]

    @property
    def own(self) -> float:
        """The µs a job that none of its commands accounts for: Lua, and reading arguments."""
        return max(0.0, self.micros - sum(each.micros for each in self.commands))


class Profile(msgspec.Struct):
    """Where a job's CPU goes in one work, all in µs a job.

    Args:
        work: Which.
        process: Who did it, besides Redis.
        rate: Jobs a second.
        cpu: All of that process.
        kernel: That of it which the kernel took.
        functions: By ``module:function``.
        redis: All of Redis.
        scripts: Most expensive first.
        others: Commands that no script called.
    """

    work: str
    process: str
    rate: float
    cpu: float
    kernel: float
    functions: dict[str, float]
    redis: float
    scripts: list[ScriptCost]
    others: list[Command]

    @property
    def server(self) -> float:
        """What Redis spends outside commands."""
        scripts = sum(each.micros for each in self.scripts)
        others = sum(each.micros for each in self.others)
        return max(0.0, self.redis - scripts - others)

    def groups(self) -> dict[str, float]:
        """Return µs by module of ours, by package of others; most expensive first."""
        found: defaultdict[str, float] = defaultdict(float)
        for name, micros in self.functions.items():
            found[group_of(name)] += micros
        return dict(sorted(found.items(), key=lambda item: -item[1]))


def group_of(name: str) -> str:
    """Return the group of a function: the module if it is ours, else the package."""
    module = name.partition(":")[0]
    if module.startswith("scripts."):
        return "the benchmark"
    return module if module.startswith("jobqueue.") else module.partition(".")[0]


async def measure(stage: Stage, size: Size) -> list[Profile]:
    """Profile every work.

    Raises:
        Broken: One did not end, or does not add up.
    """
    return [
        await _profile(stage, work, max(work.few, round(size.jobs * work.part))) for work in WORKS
    ]


async def _profile(stage: Stage, work: Work, jobs: int) -> Profile:
    async with work.begin(stage, jobs) as do:
        await stage.redis.config_set("slowlog-log-slower-than", SLOW)
        await stage.redis.config_set("slowlog-max-len", LONGEST_LOG)
        await stage.redis.slowlog_reset()
        before = await _commands(stage)
        found = await do()
        after = await _commands(stage)
        ask: Any = stage.redis.execute_command  # it has no types
        log = await ask("SLOWLOG", "GET", -1)
        await stage.redis.config_set("slowlog-log-slower-than", -1)
    if not found.samples and found.cpu > LOOKS:
        raise Broken(f"the {work.process} was never found at work")
    async with work.begin(stage, work.few) as do:
        calls = await _watched(stage, do, work.few)
    commands = _between(before, after, jobs)
    within = {name for each in calls.values() for name in each} | {*CALLS, *OURS}
    others = [each for each in commands.values() if each.name not in within]
    micros = MICRO / jobs
    return Profile(
        work=work.name,
        process=work.process,
        rate=jobs / found.seconds,
        cpu=found.cpu * micros,
        kernel=found.kernel * micros,
        functions=_shares(found.samples, found.cpu * micros),
        redis=found.redis * micros,
        scripts=_scripts(log, commands, calls, jobs),
        others=_dearest(others),
    )


def _shares(samples: Mapping[str, int], micros: float) -> dict[str, float]:
    whole = sum(samples.values())
    ordered = sorted(samples.items(), key=lambda item: -item[1])
    return {name: micros * times / whole for name, times in ordered}


async def _commands(stage: Stage) -> dict[str, tuple[int, int]]:
    """Return calls and µs of each command so far."""
    info = await stage.redis.info("commandstats")
    return {
        name.removeprefix("cmdstat_"): (int(each["calls"]), int(each["usec"]))
        for name, each in info.items()
    }


def _between(
    before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]], jobs: int
) -> dict[str, Command]:
    """Return what each command was called and took between two looks, for a job."""
    found = {}
    for name, (times, micros) in after.items():
        earlier = before.get(name, (0, 0))
        if times > earlier[0]:
            found[name] = Command(name, (times - earlier[0]) / jobs, (micros - earlier[1]) / jobs)
    return found


async def _watched(stage: Stage, do: Do, jobs: int) -> dict[str, dict[str, float]]:
    """Return which commands each script, by its SHA-1, calls how often for a job."""
    found: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    async with stage.redis.monitor() as monitor:
        watching = asyncio.create_task(_note(monitor, found))
        await do()
        await stage.redis.echo(DONE)
        async with asyncio.timeout(PATIENCE):
            await watching
    return {
        sha: {name: times / jobs for name, times in called.items()} for sha, called in found.items()
    }


async def _note(monitor: Any, found: defaultdict[str, defaultdict[str, int]]) -> None:
    """Read until our own last word; count the commands of each script."""
    sha = ""
    async for line in monitor.listen():
        name, *words = line["command"].split(" ", 2)
        if line["client_type"] == "lua":
            found[sha][name.lower()] += 1
        elif name.lower() in CALLS:
            sha = words[0]
        elif words == [DONE]:
            return


def _scripts(
    log: Iterable[Any],
    commands: Mapping[str, Command],
    calls: Mapping[str, Mapping[str, float]],
    jobs: int,
) -> list[ScriptCost]:
    """Share out the time of all scripts among them; those too quick for the log are one row."""
    names = {each.sha: each.name for each in map(script, _names())}
    costs = {sha: ScriptCost(names.get(sha, sha[:8]), 0, 0, []) for sha in calls}
    for _, _, micros, words, *_ in log:
        cost = costs.get(words[1].decode()) if words[0].decode().lower() in CALLS else None
        if cost:
            cost.calls += 1 / jobs
            cost.micros += micros / jobs
    for sha, cost in costs.items():
        inner = calls[sha].items()
        cost.commands = _dearest([_of(commands[n], times) for n, times in inner if n in commands])
    found = [cost for cost in costs.values() if cost.calls]
    whole = [commands[name] for name in CALLS if name in commands]
    rest = sum(each.micros for each in whole) - sum(cost.micros for cost in found)
    times = sum(each.times for each in whole) - sum(cost.calls for cost in found)
    quick = ScriptCost(f"calls under {SLOW} µs", max(0.0, times), max(0.0, rest), [])
    return sorted([*found, quick], key=lambda cost: -cost.micros)


def _of(command: Command, times: float) -> Command:
    """Return what so many calls for a job take of a command."""
    return Command(command.name, times, command.micros / command.times * times)


def _dearest(commands: Iterable[Command]) -> list[Command]:
    return sorted(commands, key=lambda each: -each.micros)


def _names() -> list[str]:
    folder = files("jobqueue.broker") / "lua"
    found = [each.name for each in folder.iterdir()]
    return [name.removesuffix(".lua") for name in found if name.endswith(".lua")]
