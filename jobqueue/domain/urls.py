"""Checks the addresses of Redis and PostgreSQL, and hides the passwords in them.

One rule: no message of this module contains a password. A wrong URL is often a
password with a character that had to be escaped, so what can't be read is not shown.
"""

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

from jobqueue.domain.suggest import did_you_mean
from jobqueue.domain.topology import CLUSTER_SCHEMES, SENTINEL_SCHEMES, TLS_OPTIONS, several

REDIS_SCHEMES = ("redis", "rediss", "unix", *SENTINEL_SCHEMES, *CLUSTER_SCHEMES)
POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")

# An option in the URL would overrule the connection's own ones (protocol,
# timeouts), on which the broker depends: only these may be there.
_REDIS_OPTIONS = {
    "redis": (),
    "rediss": TLS_OPTIONS,
    "unix": ("db", "username", "password"),
}
# No "?+" for the scheme: Python 3.11.2 forgets the groups behind one that did not match.
_USERINFO = re.compile(
    r"^(?:([a-z0-9+.-]*://)|(?![a-z0-9+.-]*://))([^:]*):(.*)@", re.IGNORECASE | re.DOTALL
)
# All is well but the digits behind the host.
_ONLY_PORT = re.compile(r"[^/?#\s\[]*(\[[^\]]*\])?:[0-9]+([/?][^@#\s]*)?")
_ESCAPES = "(in a password write %40 for @, %2F for /, %3A for :, %23 for #)"
_QUERY_SECRET = re.compile(r"((?:[?&]|^)(?:ssl_?|sentinel_)?password=)[^&#]*", re.IGNORECASE)


def hide_secrets(url: str) -> str:
    """Return ``url`` with ``***`` in place of every password, also if it is malformed."""
    # To the last "@": a password with an unescaped "@" or "/" must not show its end.
    hidden = _USERINFO.sub(lambda found: f"{found[1] or ''}{found[2]}:***@", url)
    return _QUERY_SECRET.sub(r"\1***", hidden)


def redis_url(value: object) -> str:
    """Return ``value`` if it says where a Redis is.

    Raises:
        ValueError: It does not; the message says what would.
    """
    if isinstance(value, str) and several(value.strip()):
        scheme, _, rest = value.strip().partition("://")
        return f"{scheme.lower()}://{rest}"
    url, parts = _split(value, REDIS_SCHEMES, "redis://user:password@host:6379/0")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for option in options:
        _check_option(option, parts.scheme)
    if parts.scheme == "unix":
        _check_socket(url, parts)
        _check_database(url, options.get("db", ""))
    else:
        if not parts.hostname:
            raise ValueError(f"{hide_secrets(url)!r} names no host; write redis://host:6379/0")
        _check_database(url, parts.path.removeprefix("/"))
    return url


def database_url(value: object) -> str:
    """Return ``value`` with the scheme ``postgresql`` if it says where a PostgreSQL is.

    Raises:
        ValueError: It does not; the message says what would.
    """
    example = "postgresql://user:password@host:5432/database"
    url, parts = _split(value, POSTGRES_SCHEMES, example)
    if len(parts.path) <= 1:
        raise ValueError(f"{hide_secrets(url)!r} names no database; write {example}")
    if not parts.hostname and "host" not in dict(parse_qsl(parts.query)):
        raise ValueError(
            f"{hide_secrets(url)!r} names no host; write {example}, or ?host=/folder/of/socket"
        )
    return f"postgresql://{url.partition('://')[2]}"


def _split(value: object, schemes: tuple[str, ...], example: str) -> tuple[str, SplitResult]:
    if not isinstance(value, str) or "://" not in value:
        raise ValueError(f"this is no URL; write {example}")
    scheme, _, rest = value.strip().partition("://")
    url = f"{scheme.lower()}://{rest}"
    if scheme.lower() not in schemes:
        raise ValueError(f"scheme {scheme!r} is unknown; {did_you_mean(scheme, schemes)}")
    try:
        parts = urlsplit(url)
        sound = parts.port != 0
    except ValueError:
        sound = False
    # urlsplit drops line breaks and reads on after an unescaped "/" or "#".
    if not sound or parts.fragment or "@" in parts.path or re.search(r"\s", url):
        # It is not shown: without an "@" nothing tells a password from a port.
        if _ONLY_PORT.fullmatch(rest):
            raise ValueError(f"the port is no number from 1 to 65535; write {example}")
        raise ValueError(f"this is malformed; write {example} {_ESCAPES}")
    return url, parts


def _check_option(option: str, scheme: str) -> None:
    allowed = _REDIS_OPTIONS[scheme]
    if option not in allowed:
        hint = did_you_mean(option, allowed) if allowed else f"{scheme}:// URLs take none here"
        raise ValueError(f"option {option!r} can't be set in the URL; {hint}")


def _check_socket(url: str, parts: SplitResult) -> None:
    if parts.netloc.rpartition("@")[2] or not parts.path:
        raise ValueError(
            f"{hide_secrets(url)!r} names no socket; write its full path: unix:///run/redis.sock"
        )


def _check_database(url: str, number: str) -> None:
    if number and not re.fullmatch(r"[0-9]{1,9}", number):
        raise ValueError(f"{hide_secrets(url)!r} has database {number!r}; write a number from 0")
