"""The life of one job as a small state machine, of which every order of events can be walked.

A producer, two workers, a reclaimer and two recorders share one job. A request may be late, and
be carried out long after its sender has given it up; an answer arrives or is lost. A pause is
nothing special here, since anybody may be overtaken by all the others at any point, and to hear
an answer late is to act on it late.

What goes wrong by itself costs a fault: a death, a given-up call, a lease that runs out while
its worker lives. Everything else must then come to its end.
"""

from collections.abc import Iterator
from typing import NamedTuple

CRASH_BUDGET = 2
READY, RUNNING, RETRYING, SUCCEEDED = "ready", "run", "retry", "ok"
DEAD, NOWHERE = "dead", "-"


class Row(NamedTuple):
    """A journal record, and the row of history that it becomes."""

    delivery: int
    run: int
    outcome: str
    final: bool


class Job(NamedTuple):
    """What Redis knows of the job."""

    place: str = NOWHERE
    run: int = 0
    token: int = 0  # of the last delivery
    owner: int = -1
    attempts: int = 0
    crashes: int = 0


class Worker(NamedTuple):
    """What a worker knows."""

    doing: str = "idle"  # fetch, recover, finish, release: it waits for that answer; or holds
    number: int = 0  # of its last call on the lane for taking jobs
    ended: int = 0  # of its last call on the lane for ending them
    token: int = 0  # what it runs
    outcome: str = ""
    alive: bool = True


class Call(NamedTuple):
    """A request on its way."""

    name: str
    caller: str
    number: int
    token: int = 0
    outcome: str = ""


class World(NamedTuple):
    """Everything."""

    job: Job = Job()
    workers: tuple[Worker, ...] = (Worker(), Worker())
    sent: int = 0  # enqueue calls of the producer; 2 once it has its answer
    calls: frozenset[Call] = frozenset()
    last: tuple[tuple[str, int, str | int], ...] = ()  # caller, its number and answer
    leases: tuple[str, ...] = ("", "")  # of each worker: none, held, over
    suspect: int = -1
    journal: frozenset[Row] = frozenset()
    history: tuple[Row, ...] = ()
    read: Row | None = None  # by a recorder that takes its time
    redriven: bool = False
    started: frozenset[int] = frozenset()
    faults: int = 0
    wrong: str = ""


class Rules(NamedTuple):
    """The rules of the protocol, each of which a test can take away."""

    numbered_enqueue: bool = True
    numbered_fetch: bool = True
    numbered_finish: bool = True
    fenced: bool = True  # finish compares the token
    recovers: bool = True  # after a lost answer the worker asks what it owns
    fetch_leases: bool = True  # the fetch that delivers sets the lease too
    looks_again: bool = True  # reclaim compares the lease that was seen to be over
    exact_removal: bool = True  # recorded compares the execution that ended the job
    once: bool = True  # a row that is there is not written again


class Lifetime:
    """All that can happen.

    Args:
        rules: What holds.
        attempts: Counted runs before the job is dead.
        redrives: Whether a dead letter may be put back, once.
    """

    def __init__(self, rules: Rules, attempts: int = 2, *, redrives: bool = True) -> None:
        self.rules = rules
        self.attempts = attempts
        self.redrives = redrives

    def steps(self, w: World) -> Iterator[tuple[str, World]]:
        """Yield every next world and what leads to it."""
        for event, following in self._steps(w):
            yield event, plain(following)

    def _steps(self, w: World) -> Iterator[tuple[str, World]]:
        yield from self._producer(w)
        for i, worker in enumerate(w.workers):
            if worker.alive:
                yield from self._worker(w, i, worker)
        yield from self._server(w)
        yield from self._time(w)
        yield from self._recorders(w)
        letter = any(row.final and row.outcome != "ok" for row in w.history)
        if self.redrives and letter and w.job.place in {DEAD, NOWHERE} and not w.redriven:
            yield "redrive", w._replace(job=Job(READY, 1, w.job.token), redriven=True)

    # Who asks

    def _producer(self, w: World) -> Iterator[tuple[str, World]]:
        call = Call("enqueue", "p", 1)
        if w.sent == 0:
            yield "enqueue", w._replace(sent=1, calls=w.calls | {call})

    def _worker(self, w: World, i: int, me: Worker) -> Iterator[tuple[str, World]]:
        if w.faults:
            yield f"w{i} dies", _replaced(w, i)._replace(faults=w.faults - 1)
        if me.doing == "idle" and w.job.place == READY:
            yield f"w{i} fetches", self._ask(w, i, "fetch")
        elif me.doing == "holds":
            for outcome in ("ok", "failed"):
                yield f"w{i} {outcome}", self._end(w, i, outcome)
            if w.faults:
                yield f"w{i} hands back", self._end(w._replace(faults=w.faults - 1), i, "released")
        if w.leases[i] == "over":
            yield f"w{i} renews", _lease(w, i, "held")
        if me.doing == "holds" and not w.leases[i]:
            yield f"w{i} lost its lease and begins anew", _replaced(w, i)

    def _ask(self, w: World, i: int, name: str) -> World:
        me = w.workers[i]
        number = me.number + 1
        call = Call(name, f"w{i}", number)
        return _put(w, i, me._replace(doing=name, number=number))._replace(calls=w.calls | {call})

    def _end(self, w: World, i: int, outcome: str) -> World:
        me = w.workers[i]
        number = me.ended + 1
        call = Call("finish", f"w{i}", number, me.token, outcome)
        me = me._replace(doing="finish", ended=number, outcome=outcome)
        return _put(w, i, me)._replace(calls=w.calls | {call})

    def _hear(self, w: World, call: Call, answer: str | int) -> World:
        if call.caller == "p":
            return w._replace(sent=2)
        i = int(call.caller[1:])
        me = w.workers[i]
        expected = me.ended if call.name == "finish" else me.number
        if (call.name, call.number) != (me.doing, expected):
            return w  # an answer to a call that was given up meets no question
        if call.name == "finish":
            kept = (me.token, me.outcome) in {
                (r.delivery, r.outcome) for r in (*w.history, *w.journal)
            }
            wrong = "told lost, and it was kept" if answer == "lost" and kept else w.wrong
            me = me._replace(doing="idle", token=0, outcome="")
            return _put(w._replace(wrong=wrong), i, me)
        if not answer or answer == "stale":
            return _put(w, i, me._replace(doing="idle"))
        token = int(answer)
        me = me._replace(doing="holds", token=token)
        return _put(w, i, me)._replace(started=w.started | {token})

    def _give_up(self, w: World, call: Call) -> World:
        """Drop the connection: the request may still be carried out, and its answer is lost."""
        w = w._replace(faults=w.faults - 1)
        if call.caller == "p":
            return w._replace(calls=w.calls | {call})
        i = int(call.caller[1:])
        if call.name == "finish":
            return w._replace(calls=w.calls | {call})
        if self.rules.recovers:
            return self._ask(w, i, "recover")
        return _put(w, i, w.workers[i]._replace(doing="idle"))

    # Who answers

    def _server(self, w: World) -> Iterator[tuple[str, World]]:
        for call in w.calls:
            done, answer = self._run(w._replace(calls=w.calls - {call}), call)
            yield f"{call.name} of {call.caller}", self._hear(done, call, answer)
            if w.faults and _waits(w, call):
                yield f"{call.caller} gives up {call.name}", self._give_up(w, call)
                yield f"{call.caller} loses the answer to {call.name}", self._give_up(done, call)
        if w.job.place == RETRYING:
            yield "promote", w._replace(job=w.job._replace(place=READY))

    def _run(self, w: World, call: Call) -> tuple[World, str | int]:
        lane = call.caller + ("/s" if call.name == "finish" else "")
        numbered = {
            "enqueue": self.rules.numbered_enqueue,
            "finish": self.rules.numbered_finish,
        }.get(call.name, self.rules.numbered_fetch)
        for caller, number, answer in w.last if numbered else ():
            if caller == lane and call.number <= number:
                return w, answer if call.number == number else "stale"
        w, answer = getattr(self, f"_{call.name}")(w, call)
        others = tuple(each for each in w.last if each[0] != lane)
        return w._replace(last=tuple(sorted((*others, (lane, call.number, answer))))), answer

    def _enqueue(self, w: World, _: Call) -> tuple[World, str]:
        if w.job.place != NOWHERE:
            return w, "exists"
        return w._replace(job=Job(READY, token=w.job.token)), "created"

    def _fetch(self, w: World, call: Call) -> tuple[World, int]:
        i = int(call.caller[1:])
        if w.job.place != READY:
            return w, 0
        job = w.job._replace(place=RUNNING, token=w.job.token + 1, owner=i)
        w = w._replace(job=job)
        return (_lease(w, i, "held") if self.rules.fetch_leases else w), job.token

    def _recover(self, w: World, call: Call) -> tuple[World, int]:
        i = int(call.caller[1:])
        owns = w.job.place == RUNNING and w.job.owner == i
        return (_lease(w, i, "held") if owns else w), w.job.token if owns else 0

    def _finish(self, w: World, call: Call) -> tuple[World, str]:
        ours = w.job.token == call.token and w.job.place == RUNNING
        if self.rules.fenced and not ours:
            return w, "lost"
        return self._ended(w, call.token, call.outcome), "kept"

    def _ended(self, w: World, token: int, outcome: str) -> World:
        job = w.job
        attempts = job.attempts + (outcome in {"ok", "failed"})
        crashes = job.crashes + (outcome == "lost")
        place = READY
        if outcome == "ok":
            place = SUCCEEDED
        elif outcome == "failed":
            place = RETRYING if attempts < self.attempts else DEAD
        elif crashes >= CRASH_BUDGET:
            place = DEAD
        row = Row(token, job.run, outcome, place in {SUCCEEDED, DEAD})
        after = job._replace(place=place, owner=-1, attempts=attempts, crashes=crashes)
        w = w._replace(job=after, journal=w.journal | {row})
        # A recorder does more than write only with the row that ended the run: the others at once.
        return w if row.final else self._recorded(self._write(w, row), row)

    # Time goes by

    def _time(self, w: World) -> Iterator[tuple[str, World]]:
        for i, worker in enumerate(w.workers):
            if w.leases[i] == "held" and (w.faults or not worker.alive):
                faults = w.faults - worker.alive
                yield f"lease of w{i} runs out", _lease(w, i, "over")._replace(faults=faults)
        for i, lease in enumerate(w.leases):
            if lease == "over" and w.suspect < 0:
                yield f"w{i} is suspect", w._replace(suspect=i)
        if w.suspect >= 0:
            yield f"reclaim from w{w.suspect}", self._reclaim(w, w.suspect)

    def _reclaim(self, w: World, i: int) -> World:
        w = w._replace(suspect=-1)
        if w.leases[i] != "over" and self.rules.looks_again:
            return w
        robbed = w.leases[i] == "held" and w.workers[i].alive and w.workers[i].doing == "holds"
        w = _lease(w, i, "")._replace(wrong="took from a living lease" if robbed else w.wrong)
        if w.job.place == RUNNING and w.job.owner == i:
            w = self._ended(w, w.job.token, "lost")
        return w

    # History

    def _recorders(self, w: World) -> Iterator[tuple[str, World]]:
        for row in w.journal:
            if w.read is None:
                yield f"a slow recorder reads {row.delivery}", w._replace(read=row)
            yield f"recorded {row.delivery}", self._recorded(self._write(w, row), row)
        if w.read is not None:
            late = self._recorded(self._write(w, w.read), w.read)
            yield f"recorded late {w.read.delivery}", late._replace(read=None)

    def _write(self, w: World, row: Row) -> World:
        if self.rules.once and row in w.history:
            return w
        return w._replace(history=tuple(sorted((*w.history, row))))

    def _recorded(self, w: World, row: Row) -> World:
        w = w._replace(journal=w.journal - {row})
        ended = w.job.place in {SUCCEEDED, DEAD} and w.job.token == row.delivery
        if row.final and (ended or not self.rules.exact_removal) and w.job.place != NOWHERE:
            return w._replace(job=Job(token=w.job.token))
        return w


def plain(w: World) -> World:
    """Return the same world without what nobody can ask about any more.

    Numbers count only while a call is under way, a worker that is gone only while it owns or may
    still get something, and of two idle workers either may be the first.
    """
    busy = {call.caller for call in w.calls}
    workers, gone = [], set()
    for i, me in enumerate(w.workers):
        name = f"w{i}"
        if name in busy or me.doing not in {"idle", "holds"}:
            workers.append(me)
            continue
        gone |= {name, f"{name}/s"}
        owns = (w.job.place == RUNNING and w.job.owner == i) or w.leases[i] or w.suspect == i
        kept = me._replace(number=0, ended=0, outcome="")
        workers.append(kept if me.alive or owns else GONE)
    last = tuple(each for each in w.last if each[0] not in gone)
    known = {row.delivery for row in w.history}
    return w._replace(workers=tuple(workers), last=last, started=w.started - known)


GONE = Worker("gone", alive=False)


def _waits(w: World, call: Call) -> bool:
    """Return whether somebody waits for the answer."""
    if call.caller == "p":
        return w.sent == 1
    me = w.workers[int(call.caller[1:])]
    number = me.ended if call.name == "finish" else me.number
    return me.alive and (me.doing, number) == (call.name, call.number)


def _replaced(w: World, i: int) -> World:
    """Take a worker away and start another one."""
    w = _put(w, i, w.workers[i]._replace(alive=False))
    return w._replace(workers=(*w.workers, Worker()), leases=(*w.leases, ""))


def _put(w: World, i: int, worker: Worker) -> World:
    return w._replace(workers=tuple(worker if n == i else x for n, x in enumerate(w.workers)))


def _lease(w: World, i: int, state: str) -> World:
    return w._replace(leases=tuple(state if n == i else x for n, x in enumerate(w.leases)))
