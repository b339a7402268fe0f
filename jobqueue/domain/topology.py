"""Reads the URLs of Redis that name several servers: those of Sentinel and of a cluster.

One rule, as in ``urls.py``: no message contains a password. What can't be read is not shown.
"""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, urlencode

import msgspec

from jobqueue.domain.suggest import did_you_mean

SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
TLS_OPTIONS = (
    "ssl_ca_certs",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
    "ssl_password",
)
_SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")
_EXAMPLES = {
    "sentinel": "redis+sentinel://host:26379,host:26379/name-of-the-master",
    "cluster": "redis+cluster://host:6379,host:6379",
}
_PORTS = {"sentinel": 26379, "cluster": 6379}
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_ESCAPES = "(in a password write %40 for @, %2F for /, %3F for ?, %3A for :, %23 for #)"


class Address(NamedTuple):
    """Where one server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Several(msgspec.Struct, frozen=True):
    """What a URL says that names several servers.

    ``user`` is user and password of Redis as they stand in the URL, ``sentinel`` those of the
    sentinels, by the names of their options.
    """

    kind: Literal["sentinel", "cluster"]
    scheme: Literal["redis", "rediss"]
    user: str
    hosts: tuple[Address, ...]
    master: str
    database: str
    tls: Mapping[str, str]
    sentinel: Mapping[str, str]

    def url(self, address: Address) -> str:
        """Return the URL of one Redis among them."""
        user = f"{self.user}@" if self.user else ""
        return f"{self.scheme}://{user}{address}/{self.database}{_query(self.tls)}"

    def sentinel_url(self, address: Address) -> str:
        """Return the URL of one sentinel; its user and password are options."""
        login = {name.removeprefix("sentinel_"): value for name, value in self.sentinel.items()}
        return f"{self.scheme}://{address}{_query({**self.tls, **login})}"


def _query(options: Mapping[str, str]) -> str:
    return f"?{urlencode(options)}" if options else ""


def several(url: str) -> Several | None:
    """Return what a Sentinel's or a cluster's URL says; None for another scheme.

    Raises:
        ValueError: It is wrong; the message names the part.
    """
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme not in SENTINEL_SCHEMES + CLUSTER_SCHEMES:
        return None
    kind: Literal["sentinel", "cluster"] = "sentinel" if scheme in SENTINEL_SCHEMES else "cluster"
    start, _, query = rest.partition("?")
    authority, _, path = start.partition("/")
    user, _, hosts = authority.rpartition("@")
    if "@" in user + path + query or re.search(r"[\s#]", rest):
        raise ValueError(f"this is malformed; write {_EXAMPLES[kind]} {_ESCAPES}")
    addresses = tuple(_address(kind, n, host) for n, host in enumerate(hosts.split(","), 1))
    master, database = _path(kind, path)
    options = _options(scheme, query)
    return Several(
        kind=kind,
        scheme="rediss" if scheme.startswith("rediss") else "redis",
        user=user,
        hosts=addresses,
        master=master,
        database=database,
        tls={name: value for name, value in options.items() if name in TLS_OPTIONS},
        sentinel={name: value for name, value in options.items() if name in _SENTINEL_OPTIONS},
    )


def _address(kind: str, number: int, text: str) -> Address:
    found = _HOST.fullmatch(text)
    port = int(found[2] or _PORTS[kind]) if found else 0
    if not found or not 0 < port < 65536:  # noqa: PLR2004 - ports end there
        # No part of it is shown: it may be one of a password whose "@host" was forgotten.
        port_is_wrong = f"the port of host {number} is no number from 1 to 65535"
        what = port_is_wrong if text.partition(":")[0] else "a host is missing"
        raise ValueError(f"{what}; write {_EXAMPLES[kind]}")
    return Address(found[1].strip("[]"), port)


def _path(kind: str, path: str) -> tuple[str, str]:
    """Return the master's name, for Sentinel, and the database."""
    if kind == "cluster":
        if path not in {"", "0"}:
            raise ValueError("a cluster has only database 0; write nothing behind the hosts")
        return "", "0"
    master, _, database = path.partition("/")
    if not master:
        raise ValueError(f"the master's name is missing; write {_EXAMPLES[kind]}")
    if database and not re.fullmatch(r"[0-9]{1,9}", database):
        raise ValueError("the database is no number; write one from 0")
    return master, database or "0"


def _options(scheme: str, query: str) -> dict[str, str]:
    allowed: tuple[str, ...] = _SENTINEL_OPTIONS if scheme in SENTINEL_SCHEMES else ()
    if scheme.startswith("rediss"):
        allowed += TLS_OPTIONS
    options = dict(parse_qsl(query, keep_blank_values=True))
    for option in options:
        if option not in allowed:
            hint = did_you_mean(option, allowed) if allowed else f"{scheme}:// URLs take none here"
            raise ValueError(f"option {option!r} can't be set in the URL; {hint}")
    return options
