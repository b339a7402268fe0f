"""The HTTP server of the probes: ``/livez`` and ``/readyz``, from a thread of its own."""

import json
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, get_args

from jobqueue.domain.errors import ConfigurationError
from jobqueue.probes.health import Probe

log = logging.getLogger("jobqueue")

PATIENCE = 5.0  # seconds for a request to be sent
LINGER = 0.1  # seconds between two looks whether the server is to end

Ask = Callable[[Probe], list[str]]


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address.

    Raises:
        ConfigurationError: It is taken, or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigurationError(
            f"health_port: can't listen on {host}:{port}: {error.strerror or error}"
        ) from None


class ProbeServer:
    """Answers the probes until it is closed.

    Args:
        listener: Where to listen; closed with the server.
        ask: Returns why a probe fails. Called from other threads; must not wait for the loop.
    """

    def __init__(self, listener: socket.socket, ask: Ask) -> None:
        handler = type("Handler", (_Handler,), {"ask": staticmethod(ask)})
        self._server = _Server(listener.getsockname()[:2], handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self._thread = Thread(
            target=self._server.serve_forever, args=(LINGER,), name="jobqueue-probes", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def served(listener: socket.socket | None, ask: Ask) -> Iterator[None]:
    """Answer the probes inside the block, if anybody has asked for them.

    Args:
        listener: Where to listen; closed with the block. None: nobody has.
        ask: As for a :class:`ProbeServer`.
    """
    if listener is None:
        yield
        return
    server = ProbeServer(listener, ask)
    try:
        yield
    finally:
        server.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as it is called
        """Note that a client went away, or that we could not answer."""
        log.debug("probe not answered", extra={"error": repr(sys.exception())})


class _Handler(BaseHTTPRequestHandler):
    ask: Ask
    timeout = PATIENCE
    server_version = "jobqueue"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with a body."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        status, text = self._judge(self.path.partition("?")[0].removeprefix("/"))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if body:
            self.wfile.write(text)

    def _judge(self, path: Any) -> tuple[HTTPStatus, bytes]:
        if path not in get_args(Probe):
            return HTTPStatus.NOT_FOUND, _encode("unknown", ["ask for /livez or /readyz"])
        if reasons := self.ask(path):
            return HTTPStatus.SERVICE_UNAVAILABLE, _encode("failing", reasons)
        return HTTPStatus.OK, _encode("ok", [])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Say nothing: probes come every few seconds."""


def _encode(status: str, reasons: list[str]) -> bytes:
    return json.dumps({"status": status, "reasons": reasons}).encode() + b"\n"
