"""Hypothesis plays producers, workers, operators and recorders on the model and on a server."""

import asyncio
from collections import Counter
from contextlib import closing
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobqueue.broker import operations
from jobqueue.broker.messages import Delivery
from jobqueue.broker.servers import Server
from jobqueue.domain.jobs import Asks
from jobqueue.domain.pauses import QUEUE_PAUSE
from tests.model.model import ENDED, WAITS, Job, Model
from tests.support import keyspace
from tests.support.broker import HOUR_MS, Broker
from tests.support.rules import limit

WORKERS = ("w1", "w2", "w3")
KEYED = limit(1, "x", keyed=True)
BUDGET = 99  # crashes; none is kept back
LEFT = {"job:", "state:", "unique:", "lock:", "waiting:", "limit:", "parked:", "scopes"}
SETTLED = ("succeeded", "succeeded", "dead", "retrying", "scheduled")
some = st.integers(0, 1 << 16)


class Machine(RuleBasedStateMachine):
    """A queue without limits: every order is exact."""

    url: str
    exact = True  # nobody stands aside for a limit, so the order is known

    def __init__(self) -> None:
        """Begin with an empty server."""
        super().__init__()
        self.loop = asyncio.Runner()
        self.broker = Broker(Server(self.url).lane(), self.url)
        self.do(self.broker.redis("FLUSHALL"))
        self.model = Model()
        self.stale: list[tuple[Delivery, str]] = []
        self.due: list[str] = []  # what waits for its time, the earliest first
        self.letters: dict[str, tuple[Delivery, Job]] = {}
        self.accepted: Counter[str] = Counter()
        self.final: set[tuple[str, str]] = set()

    def do(self, step: Any) -> Any:
        """Run a step on the server."""
        return self.loop.run(step)

    def pick(self, states: set[str], which: int) -> Job | None:
        """Return one of the jobs in these states, if there is one."""
        jobs = [job for job in self.model.jobs.values() if job.state in states]
        return jobs[which % len(jobs)] if jobs else None

    # Producers

    @rule(
        which=some,
        name=st.sampled_from("xy"),
        priority=st.integers(0, 3),
        lock=st.sampled_from([None, None, "l", "m"]),
        unique=st.sampled_from([None, None, None, "u", "v"]),
        start=st.sampled_from([None, True]),
        conflict=st.sampled_from([None, "return", "replace"]),
        key=st.sampled_from([None, "k", "k", "o"]),
        later=st.booleans(),
    )
    def enqueue(self, which: int, **options: Any) -> None:
        """Enqueue a job, new or known or of an id that was used before."""
        keys = {KEYED.label: options["key"]} if options["key"] else None
        asks = Asks(
            lock=options["lock"], unique=options["unique"], keys=keys,
            start=options["start"], conflict=options["conflict"],
        )  # fmt: skip
        job = Job(f"job-{which % 12}", options["name"], options["priority"], asks)
        later = options["later"] and which % 2 == 0
        expected = self.model.enqueue(job, later=later)
        found = self.do(
            self.broker.enqueue(
                job.id, name=job.name, priority=job.priority,
                asks=None if asks == Asks() else asks, delay_ms=HOUR_MS if later else None,
            )
        )  # fmt: skip
        assert found == expected
        if expected[0] in "cbr":
            self.accepted[job.id] += 1
            self.letters.pop(job.id, None)

    @rule(which=some, delete=st.sampled_from([False, False, True]))
    def cancel(self, which: int, delete: bool) -> None:
        """Cancel or delete a job, in whatever state."""
        job = self.pick(WAITS | ENDED | {"running"}, which)
        if job is None:
            return
        deleting = operations.delete(self.broker.keys, self.broker.queue, job.id, "why")
        before = self.do(self.broker.run(deleting) if delete else self.broker.cancel(job.id))
        assert before == job.state or (before, job.state) == ("blocked", "ready")
        if job.state in WAITS:
            self.model.end(job, "cancelled")
        job.cancelled = job.cancelled or (job.state == "running" and not delete)

    # Operators

    @rule(name=st.sampled_from("xy"), running=st.booleans())
    def sweep(self, name: str, running: bool) -> None:
        """End all jobs of a name that wait; tell those that run, or leave them alone."""
        fits: dict[str, str | int | bool] = {"name": name, "running": running}
        found = self.do(
            self.broker.run(
                operations.sweep(
                    self.broker.keys, self.broker.queue, list(self.model.jobs), fits,
                    ends=True, word="purged", reason="",
                )
            )
        )  # fmt: skip
        waited = told = 0
        for job in list(self.model.jobs.values()):
            if job.name == name and job.state in WAITS:
                self.model.end(job, "cancelled")
                waited += 1
            elif job.name == name and job.state == "running" and running:
                told += not job.cancelled
                job.cancelled = True
        assert (found.waited, found.told) == (waited, told)

    @rule(which=some, priority=st.integers(0, 3))
    def prioritise(self, which: int, priority: int) -> None:
        """Give a job another priority."""
        job = self.pick(WAITS | {"running"}, which)
        if job is None:
            return
        call = operations.prioritise(self.broker.keys, self.broker.queue, job.id, priority)
        before = self.do(self.broker.run(call))
        assert before == job.state or (before, job.state) == ("blocked", "ready")
        if job.state in WAITS:
            self.model.prioritise(job, priority)

    @rule(on=st.sampled_from([False, False, True]))
    def pause(self, on: bool) -> None:
        """Pause the queue, or let it go on."""
        note = "{}" if on else ""
        call = operations.pause(self.broker.keys, self.broker.queue, QUEUE_PAUSE, note)
        assert self.do(self.broker.run(call)) == self.model.paused
        self.model.paused = on

    # Workers

    @rule(worker=st.sampled_from(WORKERS), slots=st.integers(1, 4))
    def fetch(self, worker: str, slots: int) -> None:
        """Let a worker take what is ready."""
        ready = [] if self.model.paused else self.model.order()
        expected = [job.id for job in ready][:slots]
        deliveries = self.take(worker, slots)
        if self.exact:
            assert [d.id for d in deliveries] == expected

    def take(self, worker: str, slots: int) -> list[Delivery]:
        """Fetch, and hold the deliveries against the limits."""
        fetched = self.do(self.broker.fetch(worker, slots, budget=BUDGET))
        assert [d.priority for d in fetched] == sorted(d.priority for d in fetched)
        for delivery in fetched:
            job = self.model.jobs[delivery.id]
            assert job in self.model.runnable(), f"{job.id} may not run"
            self.model.deliver(job, worker, delivery)
        return list(fetched)

    @rule()
    def fetch_all(self) -> None:
        """Whatever can run does, once every worker has asked until there was nothing more."""
        self.do(self.broker.promote())
        while True:
            fetched = self.do(self.broker.run(self.broker.fetching("w1", 50, budget=BUDGET)))
            for delivery in fetched.deliveries:
                self.model.deliver(self.model.jobs[delivery.id], "w1", delivery)
            if fetched.status == "ok":
                break
        left = [job.id for job in self.model.runnable()]
        assert not left, f"nobody runs {left}"

    @rule(
        which=some,
        state=st.sampled_from(["succeeded", "succeeded", "dead", "retrying", "scheduled"]),
    )
    def finish(self, which: int, state: str) -> None:
        """Settle an attempt."""
        job = self.pick({"running"}, which)
        if job is None or job.delivery is None:
            return
        ends = state in ENDED
        delay = None if ends else HOUR_MS
        options = {"state": state, "delay_ms": delay, "worker": job.worker}
        letter = self.do(self.broker.finish(job.delivery, **options))
        if job.cancelled and not ends:
            assert letter == "c"
            return
        assert letter == "k"
        self.stale.append((job.delivery, job.worker))
        if ends:
            self.model.end(job, state)
            self.letters[job.id] = (job.delivery, job)
        else:
            self.model.put_off(job, state)

    @rule(which=some)
    def release(self, which: int) -> None:
        """Hand a job back."""
        job = self.pick({"running"}, which)
        if job is None or job.delivery is None:
            return
        letter = self.do(self.broker.release(job.delivery, worker=job.worker))
        assert letter == ("c" if job.cancelled else "k")
        if not job.cancelled:
            self.stale.append((job.delivery, job.worker))
            self.model.put_back(job)

    @rule(worker=st.sampled_from(WORKERS), last=st.booleans())
    def crash(self, worker: str, last: bool) -> None:
        """Let a worker die; its jobs go back, or end if it was their last life."""
        if self.do(self.broker.lease(worker)) is None:
            return
        jobs = self.model.running(worker)
        self.do(self.broker.crash(worker, budget=1 if last else BUDGET))
        jobs.sort(key=lambda job: _place(job.delivery))
        for job in jobs:
            assert job.delivery is not None
            self.stale.append((job.delivery, worker))
            if not (last or job.cancelled):
                self.model.put_back(job)
        for job in jobs:
            if last or job.cancelled:
                self.model.end(job, "cancelled" if job.cancelled else "dead")
                self.letters[job.id] = (job.delivery, job)  # type: ignore[assignment]

    @precondition(lambda self: self.stale)
    @rule(which=some)
    def late(self, which: int) -> None:
        """A worker that does not own a job any more changes nothing."""
        delivery, worker = self.stale[which % len(self.stale)]
        step = self.broker.finish if which % 2 else self.broker.release
        assert self.do(step(delivery, worker=worker)) == "l"
        assert self.do(self.broker.progress(delivery)) == "l"

    @rule(worker=st.sampled_from(WORKERS))
    def recover(self, worker: str) -> None:
        """A worker that asks is told exactly what it owns."""
        found = self.do(self.broker.recover(worker))
        tokens = {job.delivery.token for job in self.model.running(worker) if job.delivery}
        assert {delivery.token for delivery in found} == tokens

    # Schedulers, recorders, operators

    @rule(which=some, early=st.booleans())
    def promote(self, which: int, early: bool) -> None:
        """Let the time of one job come, or let it run before that."""
        job = self.pick({"scheduled", "retrying"}, which)
        if job is None:
            return
        if early:
            call = operations.hasten(self.broker.keys, self.broker.queue, job.id)
            assert self.do(self.broker.run(call)) == job.state
        else:
            self.do(self.broker.mature(job.id))
            self.do(self.broker.promote())
        self.model.arrive(job)

    @rule()
    def record(self) -> None:
        """Let the recorder come: what ended is gone."""
        rows = self.do(self.broker.journal())
        self.final |= {(row.job_id, row.id) for row in rows if row.final}
        self.do(self.broker.recorded())
        for job in [job for job in self.model.jobs.values() if job.state in ENDED]:
            del self.model.jobs[job.id]

    @precondition(lambda self: self.letters)
    @rule(which=some)
    def redrive(self, which: int) -> None:
        """Put a dead letter back."""
        letter, job = list(self.letters.values())[which % len(self.letters)]
        if job.state != "dead":
            return
        asks = None if job.asks == Asks() else job.asks
        call = self.broker.redriving(
            letter.token, job.id, job.run + 1, priority=job.priority, asks=asks, name=job.name
        )
        expected = self.model.redrive(job)
        assert self.do(self.broker.run(call)) == expected
        if expected == "redriven":
            self.accepted[job.id] += 1
            del self.letters[job.id]

    # What always holds

    @invariant()
    def agrees(self) -> None:
        """The server says the same of every job, line and key."""
        with closing(Server(self.url).sync_lane()) as lane:
            spaces = keyspace.queues(lane, "jobqueue")
            if not spaces:
                assert not self.model.jobs
                return
            [space] = spaces
            for job in self.model.jobs.values():
                parked = space.records[job.id][0].startswith("parked:")
                allowed = {job.state} | ({"blocked"} if parked else set())
                assert space.state(job.id) in allowed, f"{job.id}: {job.state}"
            assert set(space.records) == set(self.model.jobs)
            for key, line in self.model.lines.items():
                assert self.do(self.broker.line(key)) == line
            owners = {key: self.do(self.broker.value(f"unique:{key}")) for key in "uv"}
            assert {key: id_ for key, id_ in owners.items() if id_} == self.model.owners
        keyspace.check(self.url)
        assert keyspace.miscounted(self.url) == []

    def teardown(self) -> None:
        """Run everything to its end, then close what is open."""
        with closing(self):
            self.finish_all()

    def close(self) -> None:
        """Close the connection and the loop, also after a failure."""
        with closing(self.loop):
            self.do(self.broker.lane.close())

    def finish_all(self) -> None:
        """Run everything to its end: each accepted job ended once, and nothing is left."""
        self.pause(False)
        for label in list(self.model.rules):
            rule_ = self.model.rules.pop(label)
            self.do(self.broker.set_rule(limit(None, rule_.name, keyed=rule_.keyed)))
        for job in self.model.jobs.values():
            if job.state in {"scheduled", "retrying"}:
                self.do(self.broker.mature(job.id))
        for job in self.model.running():
            assert job.delivery is not None
            self.do(self.broker.finish(job.delivery, worker=job.worker))
        self.do(self.broker.drain())
        self.record()
        assert Counter(id_ for id_, _ in self.final) == self.accepted
        with closing(Server(self.url).sync_lane()) as lane:
            for space in keyspace.queues(lane, "jobqueue"):
                assert not [p for p in space.parts if p.startswith(tuple(LEFT))]
        keyspace.check(self.url)


def _place(delivery: Delivery | None) -> tuple[int, str, tuple[int, ...]]:
    """Return where a reclaim meets a delivery."""
    assert delivery is not None
    return delivery.priority, delivery.stream, tuple(map(int, delivery.entry.split("-")))


class LimitedMachine(Machine):
    """The same with limits of the queue, of a name and of its keys, which come and go."""

    exact = False

    @rule(n=st.integers(0, 3), which=st.integers(0, 2), end=st.booleans())
    def change(self, n: int, which: int, end: bool) -> None:
        """Set a limit, or take it back."""
        name, keyed = ((None, False), ("x", False), ("x", True))[which]
        new = limit(None if end else n, name, keyed=keyed)
        self.do(self.broker.set_rule(new))
        self.model.rules.pop(new.label, None)
        if not end:
            self.model.rules[new.label] = new
