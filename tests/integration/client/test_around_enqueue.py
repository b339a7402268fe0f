"""Middleware around enqueueing: what it sees, adds and refuses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from jobqueue import ConfigurationError, Draft, InvalidJob, Prepared, current_job
from tests.support.stage import Stage

Next = Callable[[Draft], Prepared]


async def test_order_and_what_it_adds(stage: Stage) -> None:
    """The first one is outermost; what they add to metadata, tags and arguments is stored."""

    @stage.app.middleware(around="enqueue")
    def outer(draft: Draft, call_next: Next) -> Prepared:
        stage.log.append(("outer", draft.name, dict(draft.arguments)))
        return call_next(replace(draft, metadata={**draft.metadata, "trace": "t-1"}))

    @stage.app.middleware(around="enqueue")
    def inner(draft: Draft, call_next: Next) -> Prepared:
        stage.log.append(("inner", dict(draft.metadata)))
        arguments = {**draft.arguments, "number": 8}
        return call_next(replace(draft, tags=(*draft.tags, "seen"), arguments=arguments))

    @stage.app.job(metadata={"own": 1}, tags=["a"])
    async def work(number: int) -> list[Any]:
        return [number, current_job().metadata, list(current_job().tags)]

    expected = [8, {"own": 1, "trace": "t-1"}, ["a", "seen"]]
    jobs = [await work.enqueue(7), *await stage.app.enqueue_many([work.prepare(7)])]
    async with stage.app.worker():
        for job in jobs:
            assert await job.result(timeout=30) == expected
    assert (
        stage.log
        == [
            ("outer", "work", {"number": 7}),
            ("inner", {"own": 1, "trace": "t-1"}),
        ]
        * 2
    )


async def test_jobs_without_code(stage: Stage) -> None:
    """It stands around jobs by name as well; positional arguments are under ``*``."""

    @stage.app.middleware(around="enqueue")
    def look(draft: Draft, call_next: Next) -> Prepared:
        stage.log.append((draft.name, draft.queue, dict(draft.arguments), draft.tags))
        return call_next(draft)

    await stage.app.ref("elsewhere").options(queue="other", tags=["x"]).enqueue(1, a=2)
    assert stage.log == [("elsewhere", "other", {"*": [1], "a": 2}, ("x",))]


async def test_it_may_refuse(stage: Stage) -> None:
    """What it raises reaches the caller, and nothing is stored."""

    @stage.app.middleware(around="enqueue")
    def refuse(draft: Draft, _call_next: Next) -> Prepared:
        raise PermissionError(draft.name)

    work = stage.app.job(name="work")(lambda: None)
    with pytest.raises(PermissionError, match="work"):
        await work.options(job_id="one").enqueue()
    assert not await stage.broker.exists("one")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metadata": {"a": object()}}, "metadata"),
        ({"metadata": {"a": "x" * 20_000}}, "metadata"),
        ({"tags": ("",)}, "tags"),
        ({"arguments": {"number": float("nan")}}, "nan"),
        ({"arguments": {"number": 1, "bogus": 1}}, "bogus.*no such argument"),
        ({"arguments": {}}, "number: missing"),
        ({"arguments": {"number": 1, "*": [2]}}, "others have names"),
    ],
)
async def test_what_it_may_not_add(stage: Stage, change: dict[str, Any], words: str) -> None:
    """What can't be stored is refused, whoever put it in."""

    @stage.app.middleware(around="enqueue")
    def spoil(draft: Draft, call_next: Next) -> Prepared:
        return call_next(replace(draft, **change))

    @stage.app.job()
    async def work(number: int) -> None:
        """Do nothing."""

    with pytest.raises(InvalidJob, match=words):
        await work.options(job_id="one").enqueue(7)
    assert not await stage.broker.exists("one")


async def test_open_parameters(stage: Stage) -> None:
    """A handler that takes any argument takes those of a middleware too."""

    @stage.app.middleware(around="enqueue")
    def more(draft: Draft, call_next: Next) -> Prepared:
        given = {**draft.arguments, "*": [*draft.arguments["*"], 3], "b": 4}
        return call_next(replace(draft, arguments=given))

    @stage.app.job()
    async def work(first: int, /, *rest: int, **more: int) -> list[Any]:
        return [first, *rest, more]

    job = await work.enqueue(1, 2, a=0)
    async with stage.app.worker():
        assert await job.result(timeout=30) == [1, 2, 3, {"a": 0, "b": 4}]


async def test_it_has_to_answer(stage: Stage) -> None:
    """One that returns nothing is told what to return."""

    @stage.app.middleware(around="enqueue")
    def forgetful(draft: Draft, call_next: Next) -> Prepared:
        call_next(draft)
        return None  # type: ignore[return-value]

    work = stage.app.job(name="work")(lambda: None)
    with pytest.raises(ConfigurationError, match="must return what call_next"):
        await work.enqueue()


async def test_of_the_wrong_kind(stage: Stage) -> None:
    """An async one around enqueueing, and a plain one around runs, are refused at once."""

    async def asynchronous(_job: Any, _call_next: Any) -> Any:
        """Do nothing."""

    def plain(_job: Any, _call_next: Any) -> Any:
        """Do nothing."""

    with pytest.raises(ConfigurationError, match="without async"):
        stage.app.middleware(around="enqueue")(asynchronous)  # type: ignore[type-var]
    with pytest.raises(ConfigurationError, match="async def"):
        stage.app.middleware(plain)
    with pytest.raises(ConfigurationError, match="write run or enqueue"):
        stage.app.middleware(around="retry")(plain)  # type: ignore[call-overload]
    with pytest.raises(ConfigurationError, match="did you mean"):
        stage.app.on("sucess")(plain)  # type: ignore[call-overload]
