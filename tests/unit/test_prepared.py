"""Options of a job: what they become on the wire, and every one that is refused."""

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from jobqueue import Draft, InvalidJob, JobQueue, Limit, Prepared, Priority, Retry, Unique
from jobqueue.client.options import OPTIONS
from jobqueue.domain.jobs import SPEC_VERSION, Spec
from jobqueue.settings import Settings

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
LAST = dt.datetime.max.replace(tzinfo=dt.UTC)
NOON_MS = 1_772_366_400_000


def call(**options: Any) -> Any:
    """Return a job of some app with options."""
    return JobQueue(settings=Settings()).ref("job").options(**options)


def spec_of(prepared: Prepared) -> Spec:
    """Unpack what travels."""
    return msgspec.msgpack.decode(prepared.spec, type=Spec)


def refusal(**options: Any) -> InvalidJob:
    """Return the error that options must raise, before there is any job."""
    with pytest.raises(InvalidJob) as caught:
        call(**options)
    return caught.value


def test_defaults() -> None:
    """A job without options has those of the settings, a new id, and no more on the wire."""
    prepared = call().prepare(a=1)
    assert (prepared.queue, prepared.job.priority, prepared.job.name) == ("default", 2, "job")
    assert (prepared.job.delay_ms, prepared.job.at_ms) == (None, None)
    assert UUID(prepared.job.id).version == 7
    assert spec_of(prepared) == Spec(SPEC_VERSION, None, b'{"a":1}')


def test_ids_are_new_for_each_job() -> None:
    """One call object makes many jobs."""
    again = call()
    assert len({again.prepare().job.id for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ({"delay": 1.5}, "delay_ms", 1500),
        ({"delay": 0}, "delay_ms", 0),
        ({"delay": dt.timedelta(minutes=1)}, "delay_ms", 60_000),
        ({"run_at": NOON}, "at_ms", NOON_MS),
        ({"run_at": NOON.astimezone(ZoneInfo("Asia/Kathmandu"))}, "at_ms", NOON_MS),
        ({"run_at": dt.datetime.min.replace(tzinfo=dt.UTC)}, "at_ms", -62_135_596_800_000),
        ({"priority": "critical"}, "priority", 0),
        ({"priority": Priority.LOW}, "priority", 3),
        ({"job_id": "order:42"}, "id", "order:42"),
    ],
)
def test_beside_the_spec(options: dict[str, Any], field: str, value: object) -> None:
    """What the scripts need stands beside the spec, in whole milliseconds."""
    assert getattr(call(**options).prepare().job, field) == value


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ({"timeout": 1.5}, "timeout_ms", 1500),
        ({"timeout": dt.timedelta(hours=1)}, "timeout_ms", 3_600_000),
        ({"result_ttl": 0}, "result_ttl_ms", 0),
        ({"result_ttl": 60}, "result_ttl_ms", 60_000),
        ({"retry": 0}, "retry", Retry(0).to_spec()),
        ({"retry": Retry(5, cap=7)}, "retry", Retry(5, cap=7).to_spec()),
    ],
)
def test_in_the_spec(options: dict[str, Any], field: str, value: object) -> None:
    """What the worker needs travels in the spec."""
    assert getattr(spec_of(call(**options).prepare()), field) == value


@pytest.mark.parametrize("micros", [1, 999, 123_001, 123_999])
def test_never_before_the_given_moment(micros: int) -> None:
    """Parts of a millisecond are rounded up, whole ones are kept exactly."""
    for second in range(60):
        moment = NOON.replace(second=second)
        at_ms = NOON_MS + second * 1000
        for late, ms in ((0, 0), (micros, -(-micros // 1000)), (123_000, 123)):
            job = call(run_at=moment + dt.timedelta(microseconds=late)).prepare().job
            assert job.at_ms == at_ms + ms


def test_none_is_not_given() -> None:
    """A value that is perhaps there may be handed on; None takes an earlier one back."""
    nothing = dict.fromkeys(OPTIONS)
    full = call(delay=5, priority="low", queue="other", job_id="a", timeout=1, retry=1)
    prepared = full.options(**nothing).prepare()
    assert (prepared.queue, prepared.job.priority, prepared.job.delay_ms) == ("default", 2, None)
    assert prepared.job.id != "a"
    assert spec_of(prepared) == Spec(SPEC_VERSION, None, b"{}")


def test_options_add_up() -> None:
    """Later options win over earlier ones; the first call object keeps its own."""
    first = call(queue="a", priority="low")
    second = first.options(queue="b")
    assert (first.prepare().queue, second.prepare().queue) == ("a", "b")
    assert second.prepare().job.priority == Priority.LOW


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dealy": 5}, "dealy: no such option; did you mean 'delay'?"),
        ({"countdown_x": 5}, "countdown_x: no such option; write one of"),
        ({"priority": "hihg"}, "priority: 'hihg' is none; did you mean 'high'?"),
        ({"priority": "High"}, "priority: 'High' is none; did you mean 'high'?"),
        ({"priority": 1}, "priority: 1 is none; write one of critical, high, normal, low"),
        ({"queue": ""}, "queue: '' can't name a queue"),
        ({"queue": "a b"}, "queue: 'a b' can't name a queue"),
        ({"queue": 5}, "queue: 5 can't name a queue"),
        ({"job_id": ""}, "job_id: '' can't be an id"),
        ({"job_id": "a b"}, "job_id: 'a b' can't be an id"),
        ({"job_id": 5}, "job_id: 5 can't be an id"),
        ({"delay": -1}, "delay: -1 is out of range"),
        ({"delay": dt.timedelta(seconds=-1)}, "out of range"),
        ({"delay": math.nan}, "delay: nan is out of range"),
        ({"delay": math.inf}, "delay: inf is out of range"),
        ({"delay": 10**400}, "out of range; write 0 seconds to 100 years"),
        ({"delay": 1e11}, "out of range"),
        ({"delay": "5"}, "delay: '5' is no duration; write seconds or a timedelta"),
        ({"delay": True}, "delay: True is no duration"),
        ({"delay": Decimal(5)}, "is no duration"),
        ({"delay": NOON}, "is no duration"),
        ({"timeout": 0}, "timeout: 0 leaves no time to run"),
        ({"timeout": -1}, "timeout: -1 is out of range"),
        ({"result_ttl": -1}, "result_ttl: -1 is out of range"),
        ({"result_ttl": "1h"}, "result_ttl: '1h' is no duration"),
        ({"run_at": NOON.replace(tzinfo=None)}, "run_at: 2026-03-01 12:00:00 has no time zone"),
        ({"run_at": LAST}, "run_at: 9999-12-31 23:59:59.999999+00:00 is out of range"),
        ({"expires": LAST}, "expires: 9999-12-31 23:59:59.999999+00:00 is out of range"),
        ({"run_at": NOON.date()}, "is no datetime"),
        ({"run_at": 5}, "run_at: 5 is no datetime"),
        ({"run_at": "2026-03-01T12:00:00Z"}, "is no datetime"),
        ({"run_at": NOON, "delay": 5}, "run_at: give run_at or delay, not both"),
        ({"retry": -1}, "retry: -1 retries"),
        ({"retry": "3"}, "retry: '3' retries"),
        ({"retry": Retry(on=OSError)}, "put the policy on the handler"),
        ({"retry": Retry(backoff=lambda *_: 1.0)}, "put the policy on the handler"),
    ],
)  # fmt: skip
def test_refused(options: dict[str, Any], words: str) -> None:
    """The error names the option, shows what was written and says what to write."""
    error = refusal(**options)
    assert words in str(error)
    assert error.argument in options


def test_size_limit_is_the_setting() -> None:
    """Arguments above ``max_arguments`` are refused by name of the setting."""
    app = JobQueue(settings=Settings(max_arguments=10))
    assert app.ref("job").prepare(a="xx").spec
    with pytest.raises(InvalidJob, match=r"11 bytes .* limit of 10 \(JOBQUEUE_MAX_ARGUMENTS\)"):
        app.ref("job").prepare(a="xxx")


def test_keys_of_arguments_that_are_not_there() -> None:
    """A misspelt argument would make all jobs equal; where no handler is known, the job tells."""
    ref = call(unique=Unique(by="usr"))
    with pytest.raises(InvalidJob) as caught:
        ref.prepare(user=1)
    assert str(caught.value) == ("unique by: the job has no argument 'usr'; did you mean 'user'?")
    with pytest.raises(InvalidJob, match="no argument 'user'; it has none"):
        call(unique=Unique(by=["user"])).prepare()
    assert call(unique=Unique(by=["user", "kind"])).prepare(user=None, kind=0).job.asks


def test_keys_of_arguments_that_the_handler_has_not() -> None:
    """With its handler at hand a key is refused when it is given; defaults are arguments too."""
    app = JobQueue(settings=Settings())

    @app.job(limit=Limit(1, by="user"))
    def send(user: int = 7) -> None: ...

    with pytest.raises(InvalidJob) as caught:
        send.options(unique=Unique(by="usr"))
    assert str(caught.value) == "unique: by: the handler has no 'usr'; did you mean 'user'?"
    asks = spec_of(send.options(unique=Unique(by="user")).prepare()).asks
    assert asks is not None
    assert (asks.unique, asks.keys) == ("send:7", {"limit:key:send:user": "7"})


def with_middleware(**changes: Any) -> JobQueue:
    """Return an app whose middleware changes every draft."""
    app = JobQueue(settings=Settings())

    @app.middleware(around="enqueue")
    def change(draft: Draft, call_next: Callable[[Draft], Prepared]) -> Prepared:
        return call_next(replace(draft, **changes))

    return app


@pytest.mark.parametrize(("queue", "chosen"), [("other", "other"), (None, "default")])
def test_middleware_chooses_the_queue(queue: str | None, chosen: str) -> None:
    """It goes before the job's own queue; None is the default one."""
    job = with_middleware(queue=queue).ref("job").options(queue="own").prepare()
    assert job.queue == chosen


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"queue": "a b"}, "queue: 'a b' can't name a queue"),
        ({"name": "other"}, "name: a middleware made 'other' of 'job'; a job keeps its name"),
    ],
)
def test_middleware_that_goes_too_far(changes: dict[str, Any], words: str) -> None:
    """A name would need another handler's options, and a queue must have a name that can be."""
    with pytest.raises(InvalidJob) as caught:
        with_middleware(**changes).ref("job").prepare()
    assert words in str(caught.value)


@pytest.mark.parametrize("durability", [None, "synced"])
def test_arguments_are_not_for_logs(durability: Any) -> None:
    """A job that was not sent yet says which it is, and nothing that it carries."""
    call = JobQueue(settings=Settings()).ref("job")
    job = call.options(job_id="one", queue="own", durability=durability).prepare(token="hunter2")  # noqa: S106 - what else
    assert repr(job) == "<job one 'job' for own, not sent yet>"
