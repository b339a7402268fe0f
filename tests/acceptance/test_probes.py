"""``/livez`` and ``/readyz`` of real services, as a platform asks them."""

import os
import signal
from typing import Any

import pytest

from tests.acceptance.system import Program, System, app_path
from tests.support.ports import free_port
from tests.support.probing import ask, says

LEFT = "leaving handlers behind that do not end"


def test_a_worker_from_start_to_end(system: System) -> None:
    """Ready, blocked by a handler that it names, well again, and stopping: each is told."""
    port = free_port()
    worker = system.worker("lasting", "--health-port", str(port))
    says(port, "/readyz", 200)
    system.enqueue("block_the_loop", 4.0)
    answer = says(port, "/livez", 503, "handler block_the_loop at ")
    assert "the event loop is blocked for " in answer.reasons
    assert "lasting.py:" in answer.reasons
    says(port, "/livez", 200)
    assert worker.event("event loop blocked")["handler"] == "block_the_loop"
    system.enqueue("last", 3.0)
    system.noted(2)
    worker.send(signal.SIGTERM)
    says(port, "/readyz", 503, "the worker is stopping")
    assert ask(port, "/livez").code == 200
    assert worker.wait() == 0
    assert not of(worker, LEFT)


@pytest.mark.parametrize("role", ["scheduler", "recorder"])
def test_other_services(system: System, role: str) -> None:
    """They serve the same, also by variables."""
    port = free_port()
    service = system.start(role, JOBQUEUE_HEALTH_PORT=str(port))
    says(port, "/livez", 200)
    says(port, "/readyz", 200)
    assert service.stop() == 0
    assert not of(service, LEFT)


def test_the_address_is_taken(system: System) -> None:
    """A service that can't serve its probes does not start."""
    port = free_port()
    system.start("scheduler", "--health-port", str(port))
    says(port, "/readyz", 200)
    for processes in ("1", "2"):
        ended = system.run(
            "worker", app_path("basics"), "--health-port", str(port), "--processes", processes
        )
        assert ended.code == 2
        assert ended.err.startswith(f"jobqueue: health_port: can't listen on 127.0.0.1:{port}: ")


def of(worker: Program, event: str) -> list[dict[str, Any]]:
    """Return its log lines of one kind."""
    return [each for each in worker.events if each["event"] == event]


def test_several_processes(system: System) -> None:
    """The supervisor answers for all: for one that is stopped, and for one that was replaced."""
    port = free_port()
    supervisor = system.worker(
        "lasting", "--processes", "2", "--health-port", str(port), "--lease", "2"
    )
    says(port, "/readyz", 200)
    system.lives("worker", 2)
    pids = [worker["pid"] for worker in system.queue.living_sync("worker")]
    os.kill(pids[0], signal.SIGSTOP)
    answer = says(port, "/livez", 503, "does not answer")
    assert answer.reasons in {f"process {n} does not answer" for n in (1, 2)}
    os.kill(pids[0], signal.SIGCONT)
    says(port, "/livez", 200)
    os.kill(pids[1], signal.SIGKILL)
    says(port, "/readyz", 503)
    assert ask(port, "/livez").code == 200
    says(port, "/readyz", 200)
    assert supervisor.stop() == 0


def test_a_limit_for_blocked_loops(system: System) -> None:
    """Past the limit the worker ends with an error, and its jobs run elsewhere."""
    system.scheduler()
    worker = system.worker("lasting", "--blocked-limit", "1.5s", "--lease", "2")
    job_id = system.enqueue("block_the_loop", 3.0)
    assert worker.wait() == 1
    [line] = of(worker, "event loop blocked past its limit; the process ends")
    assert line["handler"] == "block_the_loop"
    system.worker("lasting", "--lease", "2")
    system.finals(1)
    assert [row["outcome"] for row in system.rows("job_id = %s", job_id)] == ["lost", "succeeded"]
