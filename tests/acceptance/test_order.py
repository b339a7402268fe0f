"""Which job is next, and how long an idle worker takes to notice one."""

from random import Random
from statistics import median

from jobqueue import Priority
from tests.acceptance.stage import Stage


def test_strictly_by_priority(stage: Stage) -> None:
    """Of a mixed backlog a worker takes the highest priority first, each in its order."""
    numbers = list(range(200))
    levels = {number: Priority(number % 4) for number in numbers}
    Random(11).shuffle(numbers)
    for number in numbers:
        stage.queue.ref("count").options(priority=levels[number]).enqueue_sync(number)
    stage.worker("basics", "--concurrency", "1")
    stage.noted(len(numbers))
    assert [note["number"] for note in stage.notes()] == sorted(numbers, key=levels.get)  # type: ignore[arg-type]


def test_queues_in_their_order(stage: Stage) -> None:
    """``--queues a,b`` takes nothing from the second queue while the first one has a job."""
    for number in range(60):
        queue = "second" if number % 3 else "first"
        stage.queue.ref("count").options(queue=queue).enqueue_sync(number)
    stage.worker("basics", "--concurrency", "1", "--queues", "first,second")
    stage.noted(60)
    numbers = [note["number"] for note in stage.notes()]
    assert numbers == [*range(0, 60, 3), *(n for n in range(60) if n % 3)]


def test_an_idle_worker_starts_a_job_at_once(stage: Stage) -> None:
    """The wait is that of a message, not of a polling interval."""
    stage.scheduler()
    stage.worker("basics")
    for count in range(1, 21):
        stage.enqueue("nothing")
        stage.finals(count)
    waits = [(row["started_at"] - row["ready_at"]).total_seconds() for row in stage.rows()]
    assert median(waits) < 0.05


def test_an_idle_worker_hardly_asks(stage: Stage) -> None:
    """At most two commands a second reach Redis from a worker that has nothing to do."""
    stage.worker("basics")
    window, moments = 10.0, list[float]()
    with stage.redis.monitor() as monitor:  # type: ignore[no-untyped-call]
        for command in monitor.listen():
            if command["client_type"] != "lua":  # what a script does is no round trip
                moments.append(command["time"])
            if moments and moments[-1] - moments[0] > window:
                break
    assert len(moments) <= 2 * window
