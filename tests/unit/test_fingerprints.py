"""Fingerprints: the same for one cause, different for two."""

import pytest

from jobqueue.domain.fingerprints import LENGTH, fingerprint, place, plain

FRAME = '  File "{}", line {}, in {}\n    pay()\n'
HEAD = "Traceback (most recent call last):\n"


def traced(*frames: tuple[str, int, str]) -> str:
    """Return a traceback with these frames: file, line and function."""
    return HEAD + "".join(FRAME.format(*frame) for frame in frames) + "ValueError: no\n"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("user 17 of 4,096 has -3.5", "user <n> of <n> has <n>"),
        ("user17 in step2", "user<n> in step<n>"),
        ("-7, -42 and 7 of step-2.5", "<n>, <n> and <n> of step-<n>"),
        ("no job 01a201a9-2b3c-7dea-9dba-9364454ba2a2", "no job <id>"),
        ("<Order object at 0x7f3a2c0b1d90>", "<Order object at <id>>"),
        ("commit 9fceb02d0ae598e95dc970b74767f19372d61af8 is bad", "commit <id> is bad"),
        ("GET https://a.example/x?id=3 gave 500", "GET <url> gave <n>"),
        (
            "can't deliver to bob.o@a.example, isn't there",
            "can't deliver to <address>, isn't there",
        ),
        ("'NoneType' object has no attribute 'x'", "<text> object has no attribute <text>"),
        ('no "a b" here', "no <text> here"),
        ("/srv/app/data/7.csv is missing", "<path> is missing"),
        ("either/or", "either/or"),
        ("at 12:30:01 on 2026-11-22", "at <n> on <n>-<n>-<n>"),
        ("\n  first\nsecond 3", "first"),
        ("added defaced facade", "added defaced facade"),
        ("", ""),
    ],
)
def test_data_in_messages(message: str, expected: str) -> None:
    """What differs from job to job is taken out; the words stay."""
    assert plain(message) == expected


def test_stable_over_lines_hosts_and_data() -> None:
    """Another line, another folder and another id make the same fingerprint."""
    one = fingerprint("ValueError", "order 1", traced(("/srv/a/shop.py", 10, "pay")))
    two = fingerprint("ValueError", "order 22", traced(("/home/b/shop.py", 99, "pay")))
    assert one == two
    assert one is not None
    assert len(one) == LENGTH


def test_told_apart() -> None:
    """Another type, another message and another function are other errors."""
    trace = traced(("/srv/shop.py", 10, "pay"))
    found = {
        fingerprint("ValueError", "a", trace),
        fingerprint("KeyError", "a", trace),
        fingerprint("ValueError", "b", trace),
        fingerprint("ValueError", "a", traced(("/srv/shop.py", 10, "refund"))),
        fingerprint("ValueError", "a", ""),
    }
    assert len(found) == 5


def test_the_application_is_to_blame() -> None:
    """The innermost function of the application counts, not the library's below it."""
    inside = [
        ("/venv/lib/python3.12/site-packages/httpx/_client.py", 1, "send"),
        ("/usr/lib/python3.12/socket.py", 2, "connect"),
        ("<frozen importlib._bootstrap>", 3, "_load"),
    ]
    trace = traced(("/srv/jobs.py", 5, "run"), ("C:\\app\\shop.py", 6, "Shop.pay"), *inside)
    assert place(trace) == "shop.py:Shop.pay"
    assert place(traced(*inside)) == "<frozen importlib._bootstrap>:_load"
    assert place("cut off") == ""


def test_the_tail_of_a_long_traceback() -> None:
    """Only the innermost frames are read, however long a traceback is."""
    trace = traced(*[("/srv/a.py", n, "deep") for n in range(1000)], ("/srv/b.py", 1, "end"))
    assert place(trace) == "b.py:end"


def test_no_error() -> None:
    """A job that ended without an error has no fingerprint."""
    assert fingerprint(None, None, None) is None


def test_kept_values() -> None:
    """The rules have not changed: the history holds these words."""
    trace = traced(("/srv/shop.py", 10, "pay"))
    assert fingerprint("jobqueue.WorkerLost", "its worker died 3 times", None) == "7e2ea93ac457"
    assert fingerprint("ValueError", "no order 'x' in 17", trace) == "c31e2b92a61f"
