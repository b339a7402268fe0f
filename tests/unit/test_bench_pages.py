"""What the benchmarks write into pages, and the arithmetic that they print."""

import re
import threading
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from scripts.benchmarks import arithmetic, cluster, costs, markdown, profiled, rounds, sampling
from scripts.benchmarks.figures import PARTS, QUICK, Figure, Goal, Series, cpu
from scripts.benchmarks.profile import Command, Profile, ScriptCost
from scripts.benchmarks.report import Report
from scripts.benchmarks.stage import KEYS
from scripts.benchmarks.workload import Plan
from tests.support.measured import MACHINE

ROOT = Path(__file__).parents[2]
NODES = {
    "nodes.3.rate": 9000.0,
    "nodes.3.workers": 100.0,
    "nodes.3.busy.1": 90.0,
    "nodes.3.busy.2": 20.0,
    "nodes.3.busy.3": 20.0,
    "nodes.3.fill_cpu": 8.0,
    "nodes.3.redis_cpu": 16.0,
    "nodes.3.worker_cpu": 20.0,
}
PROFILE = Profile(
    work="drain",
    process="worker",
    rate=1000,
    cpu=20,
    kernel=2,
    functions={
        "jobqueue.worker.settler:Settler.run": 12,
        "event loop": 5,
        "redis.asyncio:x": 2,
        "redis.crc:y": 1,
    },
    redis=10,
    scripts=[ScriptCost("fetch", 0.02, 6, [Command("hset", 1, 2)])],
    others=[Command("blpop", 0.01, 1)],
)
OTHER = replace(PROFILE, work="promotion", process="scheduler")


def report() -> Report:
    """Return a run that has something for every table but that of peers."""
    found = [Series(Figure(name, name, ""), [value], []) for name, value in NODES.items()]
    goal = Figure("threads.one", "drain", "/s", Goal(">=", 12_000))
    own = [
        Series(figure, [value], [])
        for figure, value in zip(cpu("threads", "worker", "redis"), (60, 12), strict=True)
    ]
    found += [Series(goal, [11_000], []), *own]
    return Report(MACHINE, QUICK, 1, found, profiles=[PROFILE, OTHER])


def test_a_page_gets_its_tables(tmp_path: Path) -> None:
    """Only what stands between the marks is replaced, as often as it is asked for."""
    page = tmp_path / "page.md"
    marks = "\n".join(
        f"<!-- bench:{name} -->\nold {name}\n<!-- /bench:{name} -->"
        for name in ("machine", "goals", "peers", "nodes", "costs", "profile", "pictures")
    )
    page.write_text(f"before\n{marks}\nbehind\n")
    picture = tmp_path / "charts" / "growth-workers.svg"
    written = markdown.write(page, report(), [picture, picture.with_suffix(".png")])
    assert written == ["machine", "goals", "nodes", "costs", "profile", "pictures"]
    once = page.read_text()
    assert once.startswith("before\n")
    assert once.endswith("\nbehind\n")
    assert re.findall("^old .*", once, re.MULTILINE) == ["old peers"]
    assert "11,000/s | ≥ 12,000 | missed |" in once
    assert "| drain, sync handlers in threads | 90.9 |  | 60 | 12 |  |  |  | 0.79 |" in once
    assert "| drain, 1,000/s | worker **20.00**: jobqueue.worker.settler 12.00, event" in once
    assert "| **10.00**: **fetch 6.00** (Lua itself 4.00, HSET 2.00), BLPOP 1.00, " in once
    assert "| promotion, 1,000/s |" in once
    assert "![growth by workers](charts/growth-workers.svg)" in once
    markdown.write(page, report(), [picture])
    assert page.read_text() == once


@pytest.mark.parametrize("text", ["nothing", "<!-- bench:nodse -->\n<!-- /bench:nodse -->"])
def test_a_page_without_a_place(tmp_path: Path, text: str) -> None:
    """It is refused, and stays as it was."""
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(markdown.NoPlace, match="goals"):
        markdown.write(page, report())
    assert page.read_text() == text


def test_the_readme_has_a_place_for_every_table() -> None:
    """Each stands there once."""
    places = [name for _, name, _ in markdown.PLACE.findall((ROOT / "README.md").read_text())]
    assert sorted(places) == sorted([*markdown.BLOCKS, "pictures"])


def test_arithmetic() -> None:
    """A part that spends x µs on a job needs x cores for a million a second."""
    rows = {row[0]: row[1:] for row in arithmetic.rows(NODES | {"recorder.redis_cpu": 1.5})}
    assert rows["Redis nodes, all"] == ("25.5", "39,216", "26", "37")
    assert rows["worker processes"] == ("20", "50,000", "20", "29")
    assert "recorder processes" not in rows
    assert arithmetic.rows({}) == []


def test_costs() -> None:
    """Every row has its rate and the CPU of someone; one that was not measured is left out."""
    known = {figure.name for family in rounds.FAMILIES.values() for figure in family.figures}
    assert all(rate in known for _, rate, _ in costs.ROWS)
    assert all(known & {f"{start}.{part}_cpu" for part in PARTS} for *_, start in costs.ROWS)
    medians = {"enqueue.one": 5000.0, "enqueue.one.producer_cpu": 50, "enqueue.one.redis_cpu": 30}
    [row] = costs.rows(medians | {"drain.one": 9000.0})
    assert row == ("enqueue one by one", "200", "50", "", "30", "", "", "", "0.40")
    assert not costs.rows({})
    assert not costs.lines({})


@pytest.mark.parametrize(
    ("busy", "workers", "limit"),
    [(90, 100, "the busiest node's one core"), (60, 90, "2 cores"), (50, 50, "round trips")],
)
def test_what_is_full(busy: float, workers: float, limit: str) -> None:
    """A node that is full is named before the machine, and neither when both have time."""
    found = NODES | {"nodes.3.busy.1": busy, "nodes.3.workers": workers}
    [sentence] = arithmetic.limits(found, 2)
    assert limit in sentence
    assert "the nodes would carry 187,500/s" in sentence


@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_slots_are_shared_out(nodes: int) -> None:
    """Every node has as many partitions as any other, and every slot a node."""
    queues = Plan(partitions=6).stored
    cuts = cluster.cuts(queues, nodes)
    assert (cuts[0], cuts[-1], len(cuts)) == (0, cluster.SLOTS, nodes + 1)
    homes = [sum(cut <= cluster.slot_of(KEYS.base(each)) for cut in cuts[1:]) for each in queues]
    assert sorted(homes) == sorted(list(range(nodes)) * (6 // nodes))


def test_groups_of_a_profile() -> None:
    """Ours are told by module, others by package; nothing is lost below the last row."""
    assert PROFILE.groups() == {"jobqueue.worker.settler": 12, "event loop": 5, "redis": 3}
    rows = profiled.rows(PROFILE, most=1)
    assert [row[:2] for row in rows] == [
        ("worker, all", "20.00"), ("jobqueue.worker.settler", "12.00"), ("all others", "8.00"),
        ("Redis, all", "10.00"), ("fetch", "6.00"), ("BLPOP", "1.00"),
        ("sockets, parsing, append-only file", "3.00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("/a/jobqueue/jobqueue/worker/held.py", "jobqueue.worker.held"),
        ("/v/lib/python3.11/site-packages/redis/crc.py", "redis.crc"),
        ("/v/lib/python3.11/asyncio/events.py", "asyncio.events"),
        ("<frozen abc>", "<frozen abc>"),
    ],
)
def test_modules_of_files(file: str, module: str) -> None:
    """Whatever folder the checkout has."""
    assert sampling.module_of(file) == module


def test_a_sampler_finds_what_is_at_work() -> None:
    """Most of the time is found in the function that takes it."""
    sampler = sampling.Sampler()
    sampler.start()
    burn_for(0.2)
    found = sampler.stop()
    ours = sum(times for name, times in found.items() if name.endswith((":burn", ":burn_for")))
    assert ours > sum(found.values()) / 2


def test_a_sampler_weighs_other_threads() -> None:
    """What they take stands beside what it finds in its own."""
    sampler = sampling.Sampler()
    sampler.start()
    other = threading.Thread(target=burn_for, args=(0.2,))
    other.start()
    other.join()
    burn_for(0.2)
    found = sampler.stop()
    whole = sum(found.values())
    assert whole / 4 < found[sampling.THREADS] < whole * 3 / 4


def test_a_sampler_leaves_out_what_others_did() -> None:
    """A thread at work beside ours does not change where ours is found."""
    sampler = sampling.Sampler()
    other = threading.Thread(target=burn_for, args=(0.4,))
    sampler.start()
    other.start()
    burn_for(0.4)
    other.join()
    found = sampler.stop()
    whole = sum(found.values()) - found[sampling.THREADS]
    ours = sum(times for name, times in found.items() if name.endswith((":burn", ":burn_for")))
    assert ours > whole / 2


def burn_for(seconds: float) -> None:
    """Take so much CPU time of this thread."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        burn()


def burn() -> int:
    """Take some CPU time."""
    return sum(number * number for number in range(20_000))
