"""Ids, and the names that users choose."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.domain.errors import InvalidJob
from jobqueue.domain.ids import check_job_id, check_name, check_queue, uuid7


@given(st.integers(0, 2**48 - 1))
def test_uuid7(now_ms: int) -> None:
    """An id is a UUID of version 7 that begins with its time."""
    text = uuid7(now_ms)
    found = UUID(text)
    assert str(found) == text
    assert (found.version, found.variant) == (7, "specified in RFC 4122")
    assert found.int >> 80 == now_ms


def test_uuid7_differs() -> None:
    """Ids of one moment are unique, and those of later moments sort behind."""
    ids = [uuid7(5) for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert max(ids) < uuid7(6)


@pytest.mark.parametrize("queue", ["a", "default", "e-mail.eu_1", "7", "A" * 64])
def test_queue(queue: str) -> None:
    """A queue's name stands in keys and on command lines as it is."""
    assert check_queue(queue) == queue


@pytest.mark.parametrize(
    "queue",
    ["", " ", "a b", "a{b}", "a:b", "a,b", "a/b", "-a", ".a", "_a", "é", "a\n", "A" * 65, 5, None],
)
def test_no_queue(queue: Any) -> None:
    """Whatever would break a key, a flag or a hash tag is refused with what would do."""
    with pytest.raises(InvalidJob, match=r"queue: .* can't name a queue.*begins with a letter"):
        check_queue(queue)


@pytest.mark.parametrize("name", ["a", "send_email", "_private", "shop.orders:pay/v2", "a" * 128])
def test_name(name: str) -> None:
    """A job's name may show where its handler lives."""
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "a b", "<lambda>", ".a", "-a", "é", "a\n", "a" * 129, 5, None]
)
def test_no_name(name: Any) -> None:
    """The error says what would do."""
    with pytest.raises(InvalidJob, match=r"name: .* can't name a job.*begins with a letter"):
        check_name(name)


@pytest.mark.parametrize("job_id", ["1", "order:42/é".replace("é", "e"), "!" * 200, "a{b}*"])
def test_job_id(job_id: str) -> None:
    """An own id may hold any printable ASCII character."""
    assert check_job_id(job_id) == job_id


@pytest.mark.parametrize("job_id", ["", "a b", "é", "a\n", "\x7f", "a" * 201, 5, None, b"a"])
def test_no_job_id(job_id: Any) -> None:
    """The error says what would do."""
    with pytest.raises(InvalidJob, match=r"job_id: .* can't be an id"):
        check_job_id(job_id)
