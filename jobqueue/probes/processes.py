"""The processes behind one pair of probes: how the supervisor asks each of them."""

import contextlib
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from threading import Lock

from jobqueue.probes.health import Probe

VARIABLE = "_JOBQUEUE_PROBES"  # a descriptor; the underscore says that it is no setting
PATIENCE = 1.0  # seconds for a process to answer


def inherited() -> socket.socket | None:
    """Return the socket that a supervisor has opened for this process, if it has."""
    number = os.environ.pop(VARIABLE, None)
    return None if number is None else socket.socket(fileno=int(number))


class Member:
    """One place for a process, which others take in turn when it dies.

    Args:
        name: What reasons call it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = Lock()
        self._port: int | None = None  # of the process that lives
        self._answered = False  # that process, at least once

    def open(self) -> socket.socket:
        """Return a socket for a new process; close it when the process has it."""
        listener = socket.create_server(("127.0.0.1", 0))
        with self._lock:
            self._port, self._answered = listener.getsockname()[1], False
        return listener

    def ended(self) -> None:
        """Note that the process has ended."""
        with self._lock:
            self._port = None

    def reasons(self, probe: Probe) -> list[str]:
        """Ask the process why a probe fails."""
        with self._lock:
            port, answered = self._port, self._answered
        if port is None:
            return self._not_running(probe)
        try:
            found = _answer(port, probe)
        except ConnectionRefusedError:  # nobody holds its socket any more: it died just now
            return self._not_running(probe)
        except (OSError, HTTPException, ValueError):
            return self._silent(probe, answered=answered)
        with self._lock:
            self._answered = self._answered or self._port == port
        return [f"{self._name}: {reason}" for reason in found]

    def _not_running(self, probe: Probe) -> list[str]:
        """Return what fails while there is no process; the supervisor starts another one."""
        return [] if probe == "livez" else [f"{self._name} is not running"]

    def _silent(self, probe: Probe, *, answered: bool) -> list[str]:
        if answered:
            return [f"{self._name} does not answer"]
        return [] if probe == "livez" else [f"{self._name} is starting"]


class Processes:
    """All processes of a supervisor."""

    def __init__(self, count: int) -> None:
        self.members = [Member(f"process {number}") for number in range(1, count + 1)]

    def reasons(self, probe: Probe) -> list[str]:
        """Ask all of them at the same time."""
        with ThreadPoolExecutor(len(self.members)) as pool:
            answers = pool.map(lambda member: member.reasons(probe), self.members)
            return [reason for each in answers for reason in each]


def _answer(port: int, probe: Probe) -> list[str]:
    try:
        return _ask(port, probe)
    except (ConnectionResetError, BrokenPipeError):
        return _ask(port, probe)  # where it died amid the first answer, this one is refused


def _ask(port: int, probe: Probe) -> list[str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", f"/{probe}")
        reasons: list[str] = json.loads(connection.getresponse().read())["reasons"]
    return reasons
