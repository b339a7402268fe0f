"""Servers with TLS: a certificate of their own, and a program that can use it."""

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.servers import redis_programs

OPENSSL = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
    "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
)


@dataclass(frozen=True)
class Secured:
    """A program that knows TLS, and where its certificate is."""

    program: Path
    folder: Path

    @property
    def query(self) -> str:
        """What a URL says so that a client trusts the certificate."""
        return f"ssl_ca_certs={quote(str(self.folder / 'cert.pem'))}"

    def settings(self, port: int) -> dict[str, str]:
        """Return the settings of a server that speaks nothing but TLS."""
        cert, key = str(self.folder / "cert.pem"), str(self.folder / "key.pem")
        return {
            "port": "0",
            "tls-port": str(port),
            "tls-cert-file": cert,
            "tls-key-file": key,
            "tls-ca-cert-file": cert,
            "tls-auth-clients": "no",
            "tls-replication": "yes",
            "tls-cluster": "yes",
        }


def secured(folder: Path) -> Secured:
    """Make a certificate; skip the test where the machine has nothing to make or to use it."""
    program = _program()
    if program is None or shutil.which("openssl") is None:
        pytest.skip("needs a Redis with TLS, and openssl")
    subprocess.run(OPENSSL.split(), cwd=folder, capture_output=True, check=True)
    return Secured(program, folder)


@cache
def _program() -> Path | None:
    """Return a server that knows TLS: it complains of the certificate that it was not given."""
    for program in redis_programs().values():
        command = [str(program), "--port", "0", "--tls-port", "1", "--save", ""]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if "No tls-cert-file" in done.stdout:
            return program
    return None
