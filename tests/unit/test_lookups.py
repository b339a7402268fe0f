"""Names that nobody can run, as the counts and the living workers tell."""

from jobqueue import QueueView
from jobqueue.client.lookups import unknown_names, unserved


def queue(name: str, **names: dict[str, int]) -> QueueView:
    """Return a queue with these counts by name and state."""
    return QueueView(name, {}, 0, 0, 0, 0, None, names)


def worker(queues: list[str], names: list[str]) -> dict[str, object]:
    """Return what a worker says of itself."""
    return {"queues": queues, "names": names}


def test_every_name_is_known() -> None:
    """A name that a worker of the queue declares is no problem, however many wait."""
    counts = [queue("a", send={"ready": 5, "retrying": 1})]
    assert unknown_names(counts, [worker(["a", "b"], ["send", "fetch"])]) == []


def test_waiting_jobs_are_counted() -> None:
    """Jobs that are ready, blocked or due later wait; running and ended ones don't."""
    counts = [
        queue("a", send={"ready": 2, "scheduled": 3, "retrying": 1, "blocked": 4, "running": 9}),
        queue("b", done={"running": 1, "succeeded": 4}),
    ]
    assert unknown_names(counts, []) == [("a", "send", 10)]


def test_a_worker_of_another_queue_is_no_help() -> None:
    """The worker must serve the queue and have the code."""
    counts = [queue("a", send={"ready": 1})]
    assert unknown_names(counts, [worker(["b"], ["send"]), worker(["a"], [])]) == [("a", "send", 1)]


def test_workers_older_than_the_partitions() -> None:
    """Who serves a queue as a whole does not serve its partitions; another one may."""
    split = [QueueView("a", {}, 0, 0, 0, 0, None, {}, partitions=4), queue("b")]
    old, new = worker(["a", "b"], []), {**worker(["a"], []), "partitions": ["a"]}
    assert unserved(split, [old]) == ["a"]
    assert unserved(split, [old, new]) == []
    assert unserved(split, []) == []
