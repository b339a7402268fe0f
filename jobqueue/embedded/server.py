"""What both embedded servers have in common: home, lock, start, stop, restart, kill."""

import os
import shutil
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

from jobqueue.domain.errors import ConfigurationError, JobQueueError
from jobqueue.embedded import folders
from jobqueue.embedded.process import GuardedProcess, Plan

READY_SECONDS = 60.0
"""How long a server may replay its log before it answers."""


class Server(ABC):
    """A server of our own; start it, use its ``url``, stop it. Also a context manager.

    Every method blocks for a moment; call it in a thread from async code. ``url``
    stays the same over ``restart`` and over ``kill`` followed by ``start``.
    """

    kind: ClassVar[str]
    stop_signal: ClassVar[int]
    socket_name: ClassVar[str]
    unavailable: ClassVar[type[JobQueueError]]

    def __init__(self, folder: Path) -> None:
        self.home = Path(folder).absolute() / self.kind
        self.data = self.home / "data"
        self.log = self.home / "server.log"
        self._process: GuardedProcess | None = None
        self._temporary: list[Path] = []
        self._socket: Path | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL to connect to, once the server has been started."""

    @property
    def pid(self) -> int:
        """The server's process id, for signals in fault tests."""
        if self._process is None or self._process.pid is None:
            raise RuntimeError(f"{self.kind} has not been started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server process is alive."""
        return self._process is not None and self._process.running

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            ConfigurationError: The ``embedded`` extra is missing, or the folder is in use
                or belongs to somebody else.
            BrokerUnavailable: Valkey does not start; the message has the end of its log.
            HistoryUnavailable: The same for PostgreSQL.
        """
        if self.running:
            raise RuntimeError(f"{self.kind} is running already")
        self._halt()  # closes what is left of a server that ended by itself
        held = self._take_home()
        try:
            self._prepare()
            self._launch(held)
        except BaseException:
            self.stop()
            raise
        finally:
            os.close(held)  # the server has its own copy

    def stop(self) -> None:
        """End the server in order and remove what was temporary; the data stays."""
        self._halt()
        for folder in self._temporary:
            shutil.rmtree(folder, ignore_errors=True)
        self._temporary.clear()
        self._socket = None

    def wipe(self) -> None:
        """Remove the data of a server that does not run.

        Raises:
            ConfigurationError: It runs, or the data belongs to somebody else.
        """
        held = self._take_home()
        try:
            for folder in self.home.glob("data*"):
                shutil.rmtree(folder)
        except OSError as error:
            raise self._unusable(error) from error
        finally:
            os.close(held)

    def restart(self) -> None:
        """End the server in order and start it again under the same URL."""
        self._halt()
        self.start()

    def kill(self) -> None:
        """End the server by ``SIGKILL``; ``start`` brings it back under the same URL."""
        if self._process is not None:
            self._process.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def _prepare(self) -> None:
        """Make the data ready; nobody else uses it now."""

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the server's program and arguments."""

    @abstractmethod
    def _answers(self) -> bool:
        """Tell whether the server takes commands by now."""

    def _environment(self) -> Mapping[str, str]:
        return dict(os.environ)

    def _user(self) -> int | None:
        """Return the uid to run as, when it is not ours."""
        return None

    def _take_home(self) -> int:
        try:
            folders.make(self.home, 0o711)
            return folders.lock(self.home)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> ConfigurationError:
        return ConfigurationError(f"{self.home} can't be used: {error.strerror}")

    def _place_socket(self) -> Path:
        """Return the socket's path: in the data folder, or in a short temporary one."""
        if self._socket is None:
            self._socket = self.data / self.socket_name
            if not folders.fits_socket(self._socket):
                self._socket = self._temporary_folder(owner=self._user()) / self.socket_name
        return self._socket

    def _temporary_folder(self, mode: int = 0o700, owner: int | None = None) -> Path:
        folder = folders.temporary(mode, owner=owner)
        self._temporary.append(folder)
        return folder

    def _launch(self, held: int) -> None:
        self._place_socket().unlink(missing_ok=True)
        plan = Plan(
            command=self._command(),
            folder=str(self.data),
            lock=held,
            user=self._user(),
            stop_signal=self.stop_signal,
            temporary=[str(folder) for folder in self._temporary],
        )
        self._process = GuardedProcess(plan, self._environment(), self.log)
        self._await_answer(self._process)

    def _await_answer(self, process: GuardedProcess) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            if not process.running or time.monotonic() > deadline:
                raise self.unavailable(f"{self.kind} did not start; {self._last_words()}")
            time.sleep(0.005)

    def _last_words(self) -> str:
        with self.log.open(errors="replace") as lines:
            tail = "".join(deque(lines, maxlen=5)).strip()
        return f"the end of {self.log}:\n{tail}"

    def _halt(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None
