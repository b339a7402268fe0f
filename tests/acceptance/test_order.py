"""Which job is next, and how long an idle worker takes to notice one."""

from random import Random
from statistics import median

from jobqueue import Priority
from tests.acceptance.system import System

PROMPT = 0.25  # seconds; milliseconds where the machine has nothing else to do


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
    assert median(waits) < PROMPT


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


def test_weighted_queues(system: System) -> None:
    """Under backlog queues share a worker by weight, and none starves."""
    weights = {"heavy": 6, "middle": 3, "light": 1}
    for queue, weight in weights.items():
        call = system.queue.ref("count").options(queue=queue)
        system.queue.enqueue_many_sync(call.prepare(weight) for _ in range(1000))
    queues = ",".join(f"{queue}:{weight}" for queue, weight in weights.items())
    system.worker("basics", "--concurrency", "20", "--queues", queues)
    system.noted(1000)
    first = [note["number"] for note in system.notes()[:1000]]
    shares = {weight: first.count(weight) / len(first) for weight in weights.values()}
    assert all(abs(share - weight / 10) < 0.06 for weight, share in shares.items()), shares


def test_concurrency_is_never_exceeded(system: System) -> None:
    """Not by handlers that time out, in threads that go on nor on a loop that is not told."""
    system.scheduler()
    system.worker("keyed", "--concurrency", "4", "--default-timeout", "0.1s", "--retries", "0")
    for number in range(12):
        system.enqueue("hold", "k", number, 0.5)
    rows = system.finals(12)
    assert {row["outcome"] for row in rows} == {"timed_out"}
    moments = [(row["started_at"], 1) for row in rows] + [(row["finished_at"], -1) for row in rows]
    running = most = 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    assert most <= 4


def test_no_queue_waits_for_another(system: System) -> None:
    """Of many queues that one worker serves, all but one empty, each job starts at once."""
    system.scheduler()
    queues = [f"q{number}" for number in range(20)]
    system.worker("basics", "--queues", ",".join(queues))
    for count, queue in enumerate(queues, start=1):
        system.queue.ref("nothing").options(queue=queue).enqueue_sync()
        system.finals(count)
    waits = [(row["started_at"] - row["ready_at"]).total_seconds() for row in system.rows()]
    # Who waits for another queue's read waits up to 2 s; a busy machine may stand still once.
    assert sorted(waits)[-3] < 1.0, waits
    assert median(waits) < PROMPT
