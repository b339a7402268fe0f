"""A gate before a server, at which a chosen program dies with its n-th step of a kind.

A step is one command to Redis, or one statement to PostgreSQL. The program is killed before the
server has got it, or after the server has carried it out and before the answer is there: every
place between two steps is one of these.
"""

import os
import re
import signal
import socket
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from jobqueue.broker.scripts import script

SCRIPTS = Path(script.__wrapped__.__code__.co_filename).parent / "lua"
CHUNK = 1 << 16

# What a client has sent, cut into messages: each with its name, or "" where it is part of a step.
Cut = Callable[[bytes], tuple[list[tuple[str, bytes]], bytes]]


@dataclass(frozen=True)
class Step:
    """Where a program dies: the n-th step of a name, before it or after it."""

    name: str
    count: int = 1
    before: bool = False

    def __str__(self) -> str:
        return f"{'before' if self.before else 'after'} {self.name} {self.count}"


class Gate:
    """Stands before a server and lets everything through but the step that kills.

    Attributes:
        path: The socket to connect to.
        seen: The names of all steps, in order.
        killed: Set when the program was killed.
    """

    def __init__(self, server: Path, path: Path, cut: Cut) -> None:
        self.path = path
        self.seen: list[str] = []
        self.killed = threading.Event()
        self._server = server
        self._cut = cut
        self._counts: Counter[str] = Counter()
        self._step: Step | None = None
        self._victim = 0
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._closed = False
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def kill_at(self, step: Step) -> None:
        """Say which step kills; count from now."""
        with self._lock:
            self._counts.clear()
            self._step = step

    def is_of(self, pid: int) -> None:
        """Say which program uses this gate."""
        self._victim = pid

    def close(self) -> None:
        """End all connections, and take no more."""
        self._closed = True
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(self.path))  # nothing else wakes who waits for a connection
        self._acceptor.join()
        self._listener.close()
        for end in self._ends:
            _shut(end)  # or a thread that reads from it would keep it open
            end.close()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self._closed:
                client.close()
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._server))
            self._ends += [client, server]
            dying = threading.Event()
            for pump in (self._ask, self._answer):
                threading.Thread(target=pump, args=(client, server, dying), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, dying: threading.Event) -> None:
        left = b""
        while data := _read(client):
            messages, left = self._cut(left + data)
            for name, message in messages:
                step = self._passes(name) if name else None
                if step and step.before:
                    self._kill()
                    break
                if step:
                    dying.set()
                _write(server, message)
        _shut(server)

    def _answer(self, client: socket.socket, server: socket.socket, dying: threading.Event) -> None:
        while data := _read(server):
            if dying.is_set():
                self._kill()
            _write(client, data)
        _shut(client)

    def _passes(self, name: str) -> Step | None:
        """Count a step; return the chosen one when it is that."""
        with self._lock:
            self.seen.append(name)
            self._counts[name] += 1
            step = self._step
            chosen = step and (step.name, step.count) == (name, self._counts[name])
            return step if chosen else None

    def _kill(self) -> None:
        if not self.killed.is_set():
            os.kill(self._victim, signal.SIGKILL)
            self.killed.set()


def _read(end: socket.socket) -> bytes:
    try:
        return end.recv(CHUNK)
    except OSError:
        return b""


def _write(end: socket.socket, data: bytes) -> None:
    try:
        end.sendall(data)
    except OSError:  # the other side has gone; the reader of this one will see it
        return


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has gone already
        return


@contextmanager
def redis_gate(url: str) -> Iterator[tuple[Gate, str]]:
    """Give a gate before the server at ``url``, and the URL to use instead."""
    with tempfile.TemporaryDirectory() as folder:
        gate = Gate(Path(unquote(url.removeprefix("unix://"))), Path(folder) / "r", commands())
        try:
            yield gate, f"unix://{quote(str(gate.path))}"
        finally:
            gate.close()


@contextmanager
def postgres_gate(url: str) -> Iterator[tuple[Gate, str]]:
    """Give a gate before the server at ``url``, and the URL to use instead."""
    start, _, quoted = url.partition("?host=")
    with tempfile.TemporaryDirectory() as folder:
        name = ".s.PGSQL.5432"
        gate = Gate(Path(unquote(quoted)) / name, Path(folder) / name, statements)
        try:
            yield gate, f"{start}?host={quote(folder)}"
        finally:
            gate.close()


def commands() -> Cut:
    """Return what cuts requests to Redis into commands; scripts have their own names."""
    files = [path.stem for path in SCRIPTS.glob("*.lua")]
    names = {script(name).sha.encode(): name for name in files}
    names |= {script(name).source.encode(): name for name in files}

    def cut(data: bytes) -> tuple[list[tuple[str, bytes]], bytes]:
        found = []
        while (parsed := _words(data)) is not None:
            words, size = parsed
            is_script = words[0] in {b"EVAL", b"EVALSHA"}
            name = names.get(words[1], "?") if is_script else words[0].decode()
            if name == "BLPOP":
                name += " " + words[1].decode().partition("}:")[2].partition(":")[0]
            found.append((name, data[:size]))
            data = data[size:]
        return found, data

    return cut


def _words(data: bytes) -> tuple[list[bytes], int] | None:
    """Return the words of the first command and its length; None while it is not whole."""
    end = data.find(b"\r\n")
    if end < 0:
        return None
    words, at = [], end + 2
    for _ in range(int(data[1:end])):
        end = data.find(b"\r\n", at)
        if end < 0 or len(data) < (after := end + 4 + int(data[at + 1 : end])):
            return None
        words.append(data[end + 2 : after - 2])
        at = after
    return words, at


_SUBJECT = re.compile(
    r"(?:\bFROM|\bINTO|\bTABLE(?: IF NOT EXISTS)?|^COPY|^LOCK|^UPDATE)\s+([\w.\"]+)", re.IGNORECASE
)

_MONTH = re.compile(r"_\d{4}_\d{2}|\"")  # of a partition, and quotes


def statements(data: bytes) -> tuple[list[tuple[str, bytes]], bytes]:
    """Cut requests to PostgreSQL into messages; a statement is named by its verb and table."""
    found = []
    while len(data) >= 5:
        bare = data[0] == 0  # the first message of a connection has no letter
        size = int.from_bytes(data[:4] if bare else data[1:5]) + (0 if bare else 1)
        if len(data) < size:
            break
        name = "connect" if bare else _statement(data[:1], data[5:size])
        found.append((name, data[:size]))
        data = data[size:]
    return found, data


def _statement(letter: bytes, body: bytes) -> str:
    if letter == b"c":
        return "copy done"
    if letter not in {b"Q", b"P"}:
        return ""  # belongs to the statement before it, or says good-bye
    sql = (body if letter == b"Q" else body.partition(b"\0")[2]).partition(b"\0")[0].decode()
    sql = " ".join(sql.split())
    subject = _SUBJECT.search(sql)
    verb = sql.split(" ")[0]
    return f"{verb} {_MONTH.sub('', subject[1])}" if subject else verb
