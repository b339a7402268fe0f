"""The operator log as people read it: narrowed, and page by page."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from jobqueue import ConfigurationError, InvalidJob, JobQueue, LogEntry
from jobqueue.cli.main import main
from jobqueue.domain.operations import Operation
from jobqueue.history import engine, operations
from jobqueue.settings import Settings

ROWS = [
    Operation(operator="ann@desk", action="pause", queue="mail", reason="vendor is down"),
    Operation(operator="ann@phone", action="dlq.retry", filter={"name": "send"}),
    Operation(operator="annabel@desk", action="dlq.clear", details={"letters": 2}),
    Operation(operator="bob", action="jobs.cancel", queue="mail", job_id="j"),
]


@pytest.fixture(name="app")
async def _app(history_url: str) -> JobQueue:
    """An app whose operators have done something."""
    async with engine.opened(history_url, "client") as database:
        for each in ROWS:
            await operations.log(database, each)
        async with database.begin() as connection:  # several rows of one moment
            for _ in range(3):
                row = Operation(operator="bob", action="resume")
                await operations.log_with(connection, row, operations.new_id())
    return JobQueue(settings=Settings(database_url=history_url))


async def test_pages(app: JobQueue) -> None:
    """Newest first, with none doubled or left out, also within one moment."""
    found: list[LogEntry] = []
    while page := await app.operator_log(after=found[-1].id if found else None, limit=2):
        found += page
    actions = ["resume"] * 3 + [each.action for each in reversed(ROWS)]
    assert [each.action for each in found] == actions
    assert len({each.id for each in found}) == 7
    assert (found[-1].operator, found[-1].queue, found[-1].reason) == (
        "ann@desk", "mail", "vendor is down",
    )  # fmt: skip


async def test_filters(app: JobQueue) -> None:
    """By operator at any host, command or group of commands, queue, job and time."""
    hour = timedelta(hours=1)
    for where, actions in (
        ({"who": "ann"}, ["dlq.retry", "pause"]),
        ({"who": "ann@desk"}, ["pause"]),
        ({"what": "dlq"}, ["dlq.clear", "dlq.retry"]),
        ({"what": "dlq.clear"}, ["dlq.clear"]),
        ({"what": "dl%"}, []),
        ({"queue": "mail"}, ["jobs.cancel", "pause"]),
        ({"job_id": "j"}, ["jobs.cancel"]),
        ({"since": datetime.now(UTC) - hour, "queue": "mail"}, ["jobs.cancel", "pause"]),
        ({"until": datetime.now(UTC) - hour}, []),
    ):
        found = await app.operator_log(**where)
        assert [each.action for each in found] == actions, where


async def test_wrong_filters(app: JobQueue) -> None:
    """What nothing can fit is refused, and named."""
    with pytest.raises(ConfigurationError, match="did you mean 'who'"):
        await app.operator_log(whom="ann")  # type: ignore[call-arg]
    for after in ("x", "01a205c2-6128-7596-9f51-a6ba83028665"):
        with pytest.raises(InvalidJob, match="after"):
            await app.operator_log(after=after)
    with pytest.raises(InvalidJob, match="since"):
        await app.operator_log(since=datetime(2030, 1, 1))  # noqa: DTZ001 - that is refused


@pytest.mark.usefixtures("app")
def test_on_the_command_line(history_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A table for people, which says how to go on, and all of it for programs."""
    call = ["--database-url", history_url, "log", "--what", "dlq"]
    with pytest.raises(SystemExit) as ended:
        main([*call, "--limit", "1"])
    assert not ended.value.code
    shown = capsys.readouterr()
    assert "annabel@desk  dlq.clear" in shown.out
    assert '{"letters":2}' in shown.out
    with pytest.raises(SystemExit):
        main([*call, "--json", "--after", shown.err.split()[-1]])
    [entry] = json.loads(capsys.readouterr().out)
    assert (entry["operator"], entry["filter"]) == ("ann@phone", {"name": "send"})
