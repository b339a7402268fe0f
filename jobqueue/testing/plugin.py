"""The pytest plugin: fixtures on a real server, started when the first test asks for it.

One rule: nothing is imported before a fixture is used. The fixtures are plain ones, so they
need no plugin for async tests, and work with any.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from jobqueue.testing.apps import App
    from jobqueue.testing.connecting import Connect

A = TypeVar("A", bound="App")


@pytest.fixture(scope="session")
def jobqueue_redis_url() -> Iterator[str]:
    """A Redis for tests: JOBQUEUE_TEST_REDIS_URL, else one from jobqueue[embedded]."""
    from jobqueue import testing

    with testing.redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def jobqueue_postgres_url() -> Iterator[str]:
    """A PostgreSQL for tests: JOBQUEUE_TEST_DATABASE_URL, else one from jobqueue[embedded]."""
    from jobqueue import testing

    with testing.postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def _jobqueue_template(jobqueue_postgres_url: str) -> Iterator[str]:
    from jobqueue import testing

    with testing.history(jobqueue_postgres_url) as url:
        yield url


@pytest.fixture
def jobqueue_database_url(jobqueue_postgres_url: str, _jobqueue_template: str) -> Iterator[str]:
    """An empty history of this test alone: a database with the current schema."""
    from jobqueue import testing

    with testing.history(jobqueue_postgres_url, template=_jobqueue_template) as url:
        yield url


@pytest.fixture
def jobqueue_connect(
    jobqueue_redis_url: str, request: pytest.FixtureRequest
) -> "Iterator[Connect]":
    """Call it with your app: for this test that is on a test server, its queues are empty.

    With history=True it also gets an empty history in PostgreSQL. The call returns the app.
    """
    from jobqueue import testing

    with ExitStack() as undo:

        def connect(app: A, *, history: bool = False) -> A:
            url = request.getfixturevalue("jobqueue_database_url") if history else None
            connecting = testing.connect(app, jobqueue_redis_url, database_url=url)
            # Also inside an async test; its end comes when no loop runs any more.
            connected = connecting.begin()
            undo.callback(connecting.end)
            return connected

        yield connect
