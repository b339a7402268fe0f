"""The processes of the suite, and a supervisor that starts again what has ended."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from jobqueue.embedded.process import GuardedProcess, Plan
from scripts.faults.service import Exit, Service

DELAY = 0.7  # seconds until an ended process is started again
LOOK = 0.05
PATIENCE = 20.0  # seconds that a process gets to end in order
YOUNG = 20.0  # seconds; a service that does not find Redis when it starts exits with 5 before
AWAY = 5


class Crew:
    """Keeps services running until they are stopped.

    Args:
        folder: For their logs.
    """

    def __init__(self, folder: Path) -> None:
        self.services: dict[str, Service] = {}
        self.exits: list[Exit] = []
        self._folder = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._supervise, daemon=True)
        self._thread.start()

    def add(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        endless: bool = True,
    ) -> Service:
        """Start a service and keep it running."""
        service = Service(name, command, dict(environment), endless)
        self._start(service)
        self.services[name] = service
        return service

    def pid(self, name: str) -> int | None:
        """Return the process of a service; None while there is none."""
        return self.services[name].pid

    def kill(self, name: str) -> int | None:
        """End a service by ``SIGKILL``, to be started again; return what process it was."""
        service = self.services[name]
        with service.lock:
            pid = service.pid
            if pid is not None and service.process is not None:
                service.doomed = True
                service.process.kill()
            return pid

    def replace(self, name: str, environment: Mapping[str, str]) -> int | None:
        """End a service in order and start it with other variables; return the old process."""
        service = self.services[name]
        with service.lock:
            pid = service.pid
            service.doomed, service.due = True, None
            if service.process is not None:
                service.process.stop()
            service.environment = dict(environment)
            self._start(service)
            return pid

    def stop(self, *names: str) -> None:
        """End services in order, side by side."""
        services = [self.services.pop(name) for name in names]
        for service in services:
            with service.lock:
                service.doomed, service.endless, service.due = True, False, None
        for service in services:
            if (pid := service.pid) is not None:
                send(pid, signal.SIGCONT)
            if service.process is not None:
                service.process.ask_to_stop()
        for service in services:
            if service.process is not None:
                service.process.stop()

    def end(self) -> None:
        """End everything."""
        self._ended.set()
        self._thread.join()
        self.stop(*self.services)

    def _start(self, service: Service) -> None:
        log = self._folder / f"{service.name}.{len(service.logs)}.log"
        service.logs.append(log)
        plan = Plan(
            [sys.executable, "-P", *service.command], str(self._folder), patience=(PATIENCE,)
        )
        service.process = GuardedProcess(plan, service.environment, log)
        service.began, service.due, service.doomed = time.monotonic(), None, False

    def _supervise(self) -> None:
        while not self._ended.wait(LOOK):
            for service in list(self.services.values()):
                with service.lock:
                    self._look_after(service)

    def _look_after(self, service: Service) -> None:
        if service.process is None or service.process.running:
            return
        if service.due is None:
            self._note(service, service.process.code or 0)
            if service.endless or service.process.code:
                service.due = time.monotonic() + DELAY
        elif time.monotonic() >= service.due:
            self._start(service)

    def _note(self, service: Service, code: int) -> None:
        """Note an end that was not ours: no service ends because a server is away."""
        young = time.monotonic() - service.began < YOUNG
        if service.doomed or (code == 0 and not service.endless) or (code == AWAY and young):
            return
        self.exits.append(Exit(service.name, code, service.logs[-1]))


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
