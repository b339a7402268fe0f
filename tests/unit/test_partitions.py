"""In which partition a job is, without a server."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue import ConfigurationError, InvalidJob
from jobqueue.domain.ids import uuid7
from jobqueue.domain.jobs import SPEC_VERSION, Asks, Spec
from jobqueue.domain.partitions import (
    NOTHING,
    asks_of,
    by_queue,
    check_job,
    check_partitions,
    named,
    names_of,
    place_of_job,
    place_of_key,
    queue_of,
    shown_as,
)

ID = "01234567-89ab-7def-8123-456789abcdef"
KEYS = st.text(min_size=1, max_size=30)


def packed(**asks: Any) -> bytes:
    """Return the packed spec of a job that asks for something."""
    return msgspec.msgpack.encode(Spec(SPEC_VERSION, Asks(**asks), b"{}"))


@given(n=st.integers(2, 256), key=KEYS)
def test_names(n: int, key: str) -> None:
    """A key is always in the same one of the partitions, and each leads back to its queue."""
    place = place_of_key("mail", n, key)
    assert place == place_of_key("mail", n, key)
    assert place in names_of("mail", n)
    assert queue_of(place) == queue_of("mail") == "mail"
    assert by_queue(reversed(["mail", *names_of("mail", n)])) == {
        "mail": ["mail", *names_of("mail", n)]
    }


def test_whole() -> None:
    """A queue without partitions is its own place, whatever its jobs ask for."""
    assert names_of("mail", 0) == ["mail"]
    assert place_of_job("mail", 0, ID, Asks(lock="a")) == "mail"


def test_where_keys_lie() -> None:
    """These are where they are for ever: another version of the package must not move them."""
    assert place_of_key("mail", 8, "user:42") == "mail#6"
    assert place_of_key("mail", 8, "{user:42}:invoice") == "mail#6"
    assert place_of_key("mail", 8, "été") == "mail#4"
    assert place_of_key("mail", 8, "{}") == place_of_key("mail", 8, "{}")


def test_spread() -> None:
    """Jobs without keys are spread evenly."""
    count = Counter(place_of_job("mail", 8, uuid7(ms), NOTHING) for ms in range(8000))
    assert set(count) == set(names_of("mail", 8))
    assert all(800 < found < 1200 for found in count.values())


@pytest.mark.parametrize(
    ("asks", "leads"),
    [
        ({"lock": "a", "unique": "b", "idem": "c"}, "a"),
        ({"unique": "b", "idem": "c"}, "b"),
        ({"idem": "c"}, "c"),
        ({"expires": 1}, ID),
    ],
)
def test_which_key_leads(asks: dict[str, Any], leads: str) -> None:
    """The lock leads, then the unique key, then the idempotency key, then the id."""
    assert place_of_job("mail", 64, ID, asks_of(packed(**asks))) == place_of_key("mail", 64, leads)


def test_keys_apart() -> None:
    """Keys of one job in different partitions are refused, with their names and what to do."""
    with pytest.raises(InvalidJob, match="unique") as caught:
        check_job("mail", 8, ID, packed(lock="user:42", unique="send:a"))
    assert str(caught.value) == (
        f"unique: queue 'mail' has 8 partitions, and keys of job {ID} lie in different ones: "
        "lock in 6, unique in 2; those that share a part in braces, such as {user:42}, lie together"
    )
    check_job("mail", 8, ID, packed(lock="{user:42}", unique="send:{user:42}", idem="{user:42}1"))


def test_chosen_ids() -> None:
    """An id that somebody chose is a key too: enqueued again it has to be found."""
    with pytest.raises(InvalidJob, match="job_id"):
        check_job("mail", 8, "order-1", packed(lock="user:42"))
    check_job("mail", 8, "order-1", None)
    check_job("mail", 8, "{user:42}:order-1", packed(lock="user:42"))


def test_limits() -> None:
    """A limit that counts over the whole queue is refused."""
    with pytest.raises(InvalidJob, match="no limit can count over all of them"):
        check_job("mail", 8, ID, packed(keys={"limit:key:send:user": "42"}))


def test_unreadable() -> None:
    """A dead letter that nobody can read goes where its id says."""
    assert place_of_job("mail", 8, ID, asks_of(b"\xff")) == place_of_key("mail", 8, ID)


@pytest.mark.parametrize("n", [0, 1, 257, -1, True, 2.0, "8", None])
def test_numbers(n: Any) -> None:
    """A queue has 2 to 256 partitions."""
    with pytest.raises(ConfigurationError, match="from 2 to 256"):
        check_partitions(n)
    assert check_partitions(2) == 2


def test_in_the_log() -> None:
    """A line names the queue that people know, and a partition only where there is one."""
    assert named("mail") == {"queue": "mail"}
    assert named("mail#12") == {"queue": "mail", "partition": 12}


def test_shown_as_people_know_them() -> None:
    """Partitions are counted under the name of their queue; a whole queue is only named."""
    assert shown_as(["mail#2", "a", "mail#0", "mail", "b#1"]) == (
        "a, b (1 partition), mail (2 partitions)"
    )
    assert shown_as(f"q{n}" for n in range(12)).endswith(", q6, q7 and 2 more")
