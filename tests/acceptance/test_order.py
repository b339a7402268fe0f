"""Which job is next, and how long an idle worker takes to notice one."""

from random import Random
from statistics import median

from jobqueue import Priority
from tests.acceptance.system import System


def test_strictly_by_priority(system: System) -> None:
    """Of a mixed backlog a worker takes the highest priority first, each in its order."""
    numbers = list(range(200))
    levels = {number: Priority(number % 4) for number in numbers}
    Random(11).shuffle(numbers)
    for number in numbers:
        system.queue.ref("count").options(priority=levels[number]).enqueue_sync(number)
    system.worker("basics", "--concurrency", "1")
    system.noted(len(numbers))
    assert [note["number"] for note in system.notes()] == sorted(numbers, key=levels.get)  # type: ignore[arg-type]


def test_queues_in_their_order(system: System) -> None:
    """``--queues a,b`` takes nothing from the second queue while the first one has a job."""
    for number in range(60):
        queue = "second" if number % 3 else "first"
        system.queue.ref("count").options(queue=queue).enqueue_sync(number)
    system.worker("basics", "--concurrency", "1", "--queues", "first,second")
    system.noted(60)
    numbers = [note["number"] for note in system.notes()]
    assert numbers == [*range(0, 60, 3), *(n for n in range(60) if n % 3)]


def test_an_idle_worker_starts_a_job_at_once(system: System) -> None:
    """The wait is that of a message, not of a polling interval."""
    system.scheduler()
    system.worker("basics")
    for count in range(1, 21):
        system.enqueue("nothing")
        system.finals(count)
    waits = [(row["started_at"] - row["ready_at"]).total_seconds() for row in system.rows()]
    assert median(waits) < 0.05


def test_an_idle_worker_hardly_asks(system: System) -> None:
    """At most two commands a second reach Redis from a worker that has nothing to do."""
    system.worker("basics")
    window, reads, moments = 10.0, 0, list[float]()
    with system.redis.monitor() as monitor:  # type: ignore[no-untyped-call]
        for command in monitor.listen():
            reads += command["command"].startswith("BLPOP")
            # The first reads belong to its start; and what a script does is no round trip.
            if reads > 2 and command["client_type"] != "lua":
                moments.append(command["time"])
            if moments and moments[-1] - moments[0] > window:
                break
    assert len(moments) <= 2 * window
