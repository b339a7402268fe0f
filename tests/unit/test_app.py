"""The app: declaring jobs, preparing their calls, and its one client."""

import inspect
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from jobqueue import (
    ConfigurationError,
    InvalidJob,
    JobQueue,
    Limit,
    Priority,
    Rate,
    Retry,
    Unique,
)
from jobqueue.domain.handlers import Kind
from jobqueue.settings import Settings

URL = "redis://localhost:1"


@pytest.fixture
def app() -> JobQueue:
    """Return an app that connects to nothing."""
    return JobQueue(settings=Settings(redis_url=URL))


def greet(name: str, *, loud: bool = False) -> str:
    """Say hello."""
    return f"HELLO {name}" if loud else f"hello {name}"


async def greet_later(name: str) -> str:
    """Say hello from a loop."""
    return f"hello {name}"


async def test_a_plain_call_just_runs_it(app: JobQueue) -> None:
    """A declared job is still the function."""
    assert app.job()(greet)("you", loud=True) == "HELLO you"
    assert await app.job()(greet_later)("you") == "hello you"


def test_a_job_looks_like_its_function(app: JobQueue) -> None:
    """Documentation tools and people see the function."""
    job = app.job(name="hello")(greet)
    assert (job.__name__, job.__doc__, job.name) == ("greet", "Say hello.", "hello")  # type: ignore[attr-defined]
    assert inspect.signature(job) == inspect.signature(greet)
    assert repr(job) == "<job 'hello': greet>"


def test_attributes_of_the_function_do_no_harm(app: JobQueue) -> None:
    """Other decorators leave attributes on functions; ours are kept apart."""

    def marked() -> str:
        """Be marked."""
        return "marked"

    vars(marked).update(handler="theirs", _app=None, _options=None, note="theirs")
    job = app.job()(marked)
    assert job.handler.function is marked
    assert job.prepare().queue == "default"
    assert job.note == "theirs"  # type: ignore[attr-defined]


def test_declared_options(app: JobQueue) -> None:
    """What the decorator says stands in the handler."""
    declare = app.job(
        name="n",
        queue="q",
        priority="high",
        retry=5,
        timeout=timedelta(minutes=1),
        result_ttl=7,
        process=True,
    )
    handler = declare(greet).handler
    assert app.jobs["n"] is handler
    assert (handler.queue, handler.priority, handler.retry) == ("q", Priority.HIGH, Retry(5))
    assert (handler.timeout, handler.result_ttl, handler.kind) == (60, 7, Kind.PROCESS)


def test_undeclared_options(app: JobQueue) -> None:
    """What it does not say is left to the settings."""
    handler = app.job()(greet_later).handler
    assert (handler.name, handler.kind) == ("greet_later", Kind.ASYNC)
    options = (handler.queue, handler.priority, handler.retry, handler.timeout, handler.result_ttl)
    assert options == (None, None, None, None, None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": ""}, "greet: name: '' can't name a job"),
        ({"name": "a b"}, "greet: name: 'a b' can't name a job"),
        ({"queue": ""}, "greet: queue: '' can't name a queue"),
        ({"queue": "a:b"}, "greet: queue: 'a:b' can't name a queue"),
        ({"priority": "urgent"}, "greet: priority: 'urgent' is none"),
        ({"priority": "hgih"}, "did you mean 'high'?"),
        ({"timeout": 0}, "greet: timeout: 0 leaves no time to run"),
        ({"timeout": -1}, "greet: timeout: -1 is out of range"),
        ({"timeout": "5s"}, "greet: timeout: '5s' is no duration"),
        ({"result_ttl": -1}, "greet: result_ttl: -1 is out of range"),
        ({"retry": -1}, "greet: retry: -1 retries"),
        ({"retry": "3"}, "greet: retry: '3' retries"),
    ],
)
def test_wrong_declaration(app: JobQueue, options: dict[str, Any], words: str) -> None:
    """The error names the function and the option; nothing is declared."""
    with pytest.raises(ConfigurationError) as caught:
        app.job(**options)(greet)
    assert words in str(caught.value)
    assert str(caught.value).startswith("@app.job on ")
    assert not app.jobs


def unknown_words(app: JobQueue) -> list[tuple[Callable[[], object], str]]:
    """Return calls with a misspelt keyword, and what must be said of each."""
    a: Any = app
    retry: Any = Retry
    unique: Any = Unique
    limit: Any = Limit
    rate: Any = Rate
    queue: Any = JobQueue
    return [
        (lambda: a.job(nmae="x"), "@app.job: there is no option 'nmae'; did you mean 'name'?"),
        (lambda: a.queue("q", max_dept=1), "app.queue: .*'max_depth'"),
        (lambda: a.cron("@daily", timezon="UTC"), "@app.cron: .*'timezone'"),
        (lambda: a.every(5, ankor=None), "@app.every: .*'anchor'"),
        (lambda: retry(3, bas=1), "Retry: there is no option 'bas'; did you .*'base'"),
        (lambda: unique(on_conflit="return"), "Unique: .*'on_conflict'"),
        (lambda: limit(1, bye="x"), "Limit: .*'by'"),
        (lambda: rate(1, pre=1), "Rate: .*'per'"),
        (lambda: queue(redis_ulr=URL), "JobQueue: .*'redis_url'"),
    ]


@pytest.mark.parametrize("number", range(9))
def test_unknown_words(app: JobQueue, number: int) -> None:
    """A keyword that does not exist is one of our errors, with the nearest one that does."""
    call, words = unknown_words(app)[number]
    with pytest.raises(ConfigurationError, match=words):
        call()


def test_without_parentheses(app: JobQueue) -> None:
    """``@app.job`` alone declares a job, like ``@app.job()``."""
    job = app.job(greet)
    assert (job.name, job("you")) == ("greet", "hello you")
    assert app.jobs["greet"] is job.handler


def test_a_method_is_refused(app: JobQueue) -> None:
    """What wants an instance can't be a handler; a method of one object can, a plain one too."""

    class Mailer:
        """Sends mails."""

        def send(self, to: str) -> str:
            """Send one."""
            return f"to {to} by {type(self).__name__}"

        @staticmethod
        def plain(to: str) -> str:
            """Send one without an instance."""
            return to

    with pytest.raises(ConfigurationError, match=r"a worker has no self .* app.job\(mailer.send\)"):
        app.job(Mailer.send)
    assert not app.jobs
    assert app.job(Mailer().send)("you") == "to you by Mailer"
    assert app.job(Mailer.plain)("you") == "you"


def test_an_argument_called_self(app: JobQueue) -> None:
    """No name of an argument is taken by the methods of a job."""

    @app.job
    def note(self: str, function: str, args: int = 0) -> str:
        """Take odd names."""
        return f"{self} {function} {args}"

    prepared = note.options(delay=5).prepare(self="a", function="b", args=1)
    assert b'{"self":"a","function":"b","args":1}' in prepared.spec
    assert note(self="a", function="b") == "a b 0"
    assert b'"self":"a"' in app.ref("elsewhere").prepare(self="a").spec


def test_a_name_that_is_nearly_declared(app: JobQueue, caplog: pytest.LogCaptureFixture) -> None:
    """A producer may name code that is elsewhere; what looks like a slip is told once."""
    app.job(name="send_email")(greet)
    for name in ("send_emial", "send_email", "resize", "send_emial"):
        app.ref(name)
    [told] = caplog.records
    assert (told.levelname, told.message) == ("WARNING", "job name is not declared")
    assert (vars(told)["job"], vars(told)["did_you_mean"]) == ("send_emial", "send_email")


def test_lambda_needs_a_name(app: JobQueue) -> None:
    """A function without a name of its own gets one, or is refused."""
    with pytest.raises(ConfigurationError, match="'<lambda>' can't name a job"):
        app.job()(lambda: None)
    assert app.job(name="nothing")(lambda: None).name == "nothing"


def test_declared_twice(app: JobQueue) -> None:
    """A name stands for one function."""
    app.job()(greet)
    with pytest.raises(ConfigurationError, match="declared twice"):
        app.job(name="greet")(greet_later)


def test_prepare_uses_the_declaration(app: JobQueue) -> None:
    """Handler's options, then those of the call."""
    job = app.job(queue="q", priority="low")(greet)
    first, second = job.prepare("you"), job.options(queue="r", priority="high").prepare("you")
    assert (first.queue, first.job.priority) == ("q", Priority.LOW)
    assert (second.queue, second.job.priority) == ("r", Priority.HIGH)


@pytest.mark.parametrize("name", ["greet", "elsewhere"])
def test_ref(app: JobQueue, name: str) -> None:
    """A job by name has the options of its handler where the code is here."""
    app.job(queue="q")(greet)
    prepared = app.ref(name).prepare("you")
    assert prepared.queue == ("q" if name == "greet" else "default")
    assert b"you" in prepared.spec


def test_ref_checks_what_it_can(app: JobQueue) -> None:
    """Names always, arguments where the code is here."""
    app.job()(greet)
    with pytest.raises(InvalidJob, match="can't name a job"):
        app.ref("a b")
    with pytest.raises(InvalidJob, match="did you mean 'loud'"):
        app.ref("greet").prepare("you", lou=True)


def test_wrong_call(app: JobQueue) -> None:
    """A call that the handler can't take is refused before there is a job."""
    job: Any = app.job()(greet)
    with pytest.raises(InvalidJob, match="name: missing; greet needs it"):
        job.prepare()


@pytest.mark.parametrize("schedule", ["cron", "every"])
def test_schedules(app: JobQueue, schedule: str) -> None:
    """A schedule is written above a job that can run without arguments."""

    def tick(times: int = 1) -> int:
        """Tick."""
        return times

    declare: Callable[[Any], Any] = app.cron("@daily") if schedule == "cron" else app.every(5)
    job = app.job()(tick)
    assert declare(job) is job
    with pytest.raises(ConfigurationError, match="schedule 'tick' exists twice"):
        declare(job)


def test_schedule_without_a_job(app: JobQueue) -> None:
    """The order of decorators matters; the error says which one is right."""
    with pytest.raises(ConfigurationError, match="write it above @app"):
        app.every(5)(greet)  # type: ignore[type-var]


def test_schedule_of_a_job_with_arguments(app: JobQueue) -> None:
    """Nobody is there to give them; the error comes when the schedule is made."""
    job: Any = app.job()(greet)
    with pytest.raises(ConfigurationError, match=r"schedule 'greet': name: missing"):
        app.every(5)(job)


def test_everybody_gets_one_client(app: JobQueue) -> None:
    """However many threads ask for it first, there is one to close."""
    start = threading.Barrier(20)

    def client() -> object:
        start.wait()
        return app.client

    with ThreadPoolExecutor(20) as threads:
        clients = {each.result() for each in [threads.submit(client) for _ in range(20)]}
    assert clients == {app.client}


async def test_close_without_a_connection(app: JobQueue) -> None:
    """An app that never connected closes in silence, and as often as one likes."""
    async with app:
        pass
    with app:
        pass
    await app.close()
    app.close_sync()


def test_a_schedule_needs_the_lock_that_its_job_needs() -> None:
    """It is refused when it is declared: later it would stop a whole scheduler."""
    app = JobQueue(settings=Settings())

    @app.job(lock_mode="required")
    def work() -> None: ...

    with pytest.raises(ConfigurationError, match=r"schedule 'work': job 'work' needs a lock"):
        app.every(60)(work)
    app.every(60, lock="L")(work)
