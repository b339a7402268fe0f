"""The HTTP server of the probes: two paths, two methods, and a thread of its own."""

import socket
from collections.abc import Iterator

import pytest

from jobqueue import ConfigurationError
from jobqueue.probes.health import Health, Probe
from jobqueue.probes.server import ProbeServer, listen
from tests.support.ports import free_port
from tests.support.probing import ask


class Patient:
    """Something whose health a test decides."""

    health = Health()

    def reasons(self, probe: Probe) -> list[str]:
        """Return why a probe fails."""
        return self.health.reasons(probe)


@pytest.fixture
def patient() -> Patient:
    """It is well."""
    return Patient()


@pytest.fixture
def port(patient: Patient) -> Iterator[int]:
    """Where its probes are."""
    listener = listen("127.0.0.1", 0)
    server = ProbeServer(listener, patient.reasons)
    yield listener.getsockname()[1]
    server.close()


def test_well(port: int) -> None:
    """Who is well lives and is ready."""
    for path in ("/livez", "/readyz", "/readyz?verbose"):
        answer = ask(port, path)
        assert (answer.code, answer.body) == (200, {"status": "ok", "reasons": []})


def test_not_ready(port: int, patient: Patient) -> None:
    """What a new process would not mend fails one probe alone."""
    patient.health = Health(unready=["Redis is away"])
    assert ask(port, "/livez").code == 200
    answer = ask(port, "/readyz")
    assert (answer.code, answer.body) == (
        503,
        {"status": "failing", "reasons": ["Redis is away"]},
    )


def test_not_alive(port: int, patient: Patient) -> None:
    """What a new process would mend fails both; readiness gives every reason."""
    patient.health = Health(["it is blocked"], ["Redis is away"])
    assert (ask(port, "/livez").code, ask(port, "/livez").reasons) == (503, "it is blocked")
    assert ask(port, "/readyz").reasons == "it is blocked; Redis is away"


def test_other_requests(port: int) -> None:
    """Other paths are not found, other methods not known; HEAD has no body."""
    assert ask(port, "/").code == 404
    assert ask(port, "/health").body["reasons"] == ["ask for /livez or /readyz"]
    assert ask(port, "/livez", "POST").code == 501
    head = ask(port, "/livez", "HEAD")
    assert (head.code, head.body) == (200, b"")


def test_a_silent_client_keeps_nobody_waiting(port: int) -> None:
    """Who connects and says nothing has a thread of its own."""
    with socket.create_connection(("127.0.0.1", port)):
        assert ask(port, "/livez").code == 200


def test_a_taken_port() -> None:
    """The error names the setting and the address."""
    port = free_port()
    with (
        listen("127.0.0.1", port),
        pytest.raises(ConfigurationError, match=rf"health_port: can't listen on 127.0.0.1:{port}"),
    ):
        listen("127.0.0.1", port)


def test_a_strange_host() -> None:
    """A host that is not ours is a wrong setting."""
    with pytest.raises(ConfigurationError, match=r"can't listen on 192\.0\.2\.1:80"):
        listen("192.0.2.1", 80)
