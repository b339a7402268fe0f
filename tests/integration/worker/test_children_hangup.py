"""A child whose parent hangs up ends; this is how it ends where the kernel does not kill it."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobqueue import Job
from jobqueue.worker.frames import Answer, Request, pack, take_answer
from tests.integration.worker.conftest import current
from tests.support import process_jobs as jobs
from tests.support.waiting import DEADLINE, wait_until_sync


@contextmanager
def child() -> Iterator[tuple[socket.socket, "subprocess.Popen[bytes]"]]:
    """Start a child by hand, so that its parent lives on after hanging up."""
    ours, theirs = socket.socketpair()
    ours.settimeout(DEADLINE)
    with ours, theirs:
        code = f"from jobqueue.worker import child; child.main({theirs.fileno()})"
        command = [sys.executable, "-c", code]
        with subprocess.Popen(
            command, pass_fds=(theirs.fileno(),), start_new_session=True
        ) as process:
            theirs.close()
            try:
                yield ours, process
            finally:
                process.kill()


def request(job: Job[..., Any, Any], path: Path) -> bytes:
    """Return a job on its way into a child."""
    function = job.handler.function
    arguments = f'{{"path": "{path}"}}'.encode()
    return pack(
        Request(function.__module__, function.__qualname__, arguments, current(), None, 1000, 1000)
    )


def answers(ours: socket.socket, count: int) -> list[Answer]:
    """Read answers."""
    buffer, found = bytearray(), list[Answer]()
    while len(found) < count:
        buffer += ours.recv(65536)
        while answer := take_answer(buffer):
            found.append(answer)
    return found


def test_idle_child_leaves_in_order(tmp_path: Path) -> None:
    """It does what it has registered for its end, and exits with 0."""
    with child() as (ours, process):
        ours.sendall(request(jobs.register_exit, tmp_path / "end"))
        assert [answer.kind for answer in answers(ours, 2)] == ["started", "succeeded"]
        ours.close()
        assert process.wait(DEADLINE) == 0
    assert (tmp_path / "end").read_text() == "done"


def test_busy_child_is_killed(tmp_path: Path) -> None:
    """A handler that works is not waited for; nor are the programs that it runs."""
    path = tmp_path / "lock"
    with child() as (ours, process):
        ours.sendall(request(jobs.hang_with_program, path))
        wait_until_sync(lambda: jobs.holding(path), description="the program works")
        ours.close()
        assert process.wait(DEADLINE) == -9
    wait_until_sync(lambda: not jobs.is_held(path), description="the program is gone")


def test_answer_that_nobody_reads(tmp_path: Path) -> None:
    """A child that can't answer any more ends without noise."""
    with child() as (ours, process):
        ours.sendall(request(jobs.register_exit, tmp_path / "end") * 100)
        assert answers(ours, 1)
        ours.close()
        assert process.wait(DEADLINE) == 0
