"""Addresses of servers: which are accepted, and that no password is ever shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.domain.urls import database_url, hide_secrets, redis_url

REDIS = [
    "redis://host",
    "redis://host:6379/0",
    "redis://user:p%40ss@host:6379/15",
    "redis://:secret@[::1]:6379/1",
    "rediss://host:6380?ssl_ca_certs=/etc/ca.pem&ssl_cert_reqs=required",
    "redis+sentinel://host/main",
    "redis+sentinel://user:p%40ss@one:26379,two,[::1]:26380/main/3?sentinel_password=x",
    "rediss+sentinel://one,two/main?ssl_ca_certs=/etc/ca.pem&sentinel_username=s",
    "redis+cluster://host",
    "redis+cluster://user:p,w@one:6379,two:6380/0",
    "rediss+cluster://one,two?ssl_cert_reqs=none",
    "unix:///run/redis.sock",
    "unix:///run/redis.sock?db=2",
    "unix://user:secret@/run/redis.sock?db=2",
]
DATABASE = [
    "postgresql://host/db",
    "postgresql://user:p%2Fw@host:5432/db?sslmode=require",
    "postgresql:///db?host=/run/postgresql",
]
NO_REDIS = [
    (None, "no URL"),
    ("", "no URL"),
    ("localhost:6379", "no URL"),
    ("http://host", "scheme 'http' is unknown"),
    ("redsi://host", "did you mean 'redis'"),
    ("redis://", "no host"),
    ("redis://:6379", "no host"),
    ("redis://host:port", "malformed"),
    ("redis://host:0", "the port is no number from 1 to 65535"),
    ("redis://host:99999/0?x=1", "the port is no number from 1 to 65535"),
    ("redis://[::1/0", "malformed"),
    ("redis://host/zero", "database 'zero'"),
    ("redis://host/0/1", "database"),
    ("redis://ho st/0", "malformed"),
    ("redis://host/0\n", None),  # a file's last line break is no part of the URL
    ("redis://ho\nst", "malformed"),
    ("redis://host/0#1", "malformed"),
    ("redis://host?socket_timeout=1", "option 'socket_timeout' can't be set"),
    ("redis://host?protocol=2", "option 'protocol' can't be set"),
    ("rediss://host?ssl_ca_cert=x", "did you mean 'ssl_ca_certs'"),
    ("redis+sentinel://one,two", "master's name is missing"),
    ("redis+sentinel://one,/main", "a host is missing"),
    ("redis+sentinel://one:x/main", "the port of host 1 is no number from 1 to 65535"),
    ("redis+sentinel://one,two:65536/main", "the port of host 2 is no number from 1 to 65535"),
    ("redis+sentinel://one/main/x", "the database is no number"),
    ("redis+sentinel://one/main?db=1", "did you mean|sentinel_username"),
    ("redis+sentinel://one/ma in", "malformed"),
    ("redis+cluster://", "a host is missing"),
    ("redis+cluster://:6379", "a host is missing"),
    ("redis+cluster:///run/redis.sock", "a host is missing"),
    ("redis+cluster://one/2", "only database 0"),
    ("redis+cluster://one?sentinel_password=x", "take none here"),
    ("rediss+cluster://one?ssl_ca_cert=x", "did you mean 'ssl_ca_certs'"),
    ("redis+clsuter://one", "did you mean 'redis\\+cluster'"),
    ("unix://run/redis.sock", "full path"),
    ("unix://", "full path"),
    ("unix:///run/redis.sock?db=x", "database 'x'"),
]
NO_DATABASE = [
    (5, "no URL"),
    ("host=localhost dbname=x", "no URL"),
    ("mysql://host/db", "scheme 'mysql' is unknown"),
    ("postgresql+asyncpg://host/db", "did you mean 'postgresql\\+psycopg'"),
    ("postgresql://host", "no database"),
    ("postgresql://host/", "no database"),
    ("postgresql:///db", "no host"),
    ("postgresql://host:x/db", "malformed"),
]
# Characters that must be written as %XX, in places where they mislead a parser.
UNESCAPED = [
    "se@cret",
    "se/cret",
    "1/se@cret",
    "se#cret",
    "se?cret",
    "1#se@cret",
    "se:cret",
    "se[cret",
]


@pytest.mark.parametrize("url", REDIS)
def test_redis_urls(url: str) -> None:
    """User, password, database, TLS options and sockets are all accepted as they are."""
    assert redis_url(url) == url


@pytest.mark.parametrize(("url", "problem"), NO_REDIS)
def test_no_redis_urls(url: object, problem: str | None) -> None:
    """What is wrong is said before anything connects."""
    if problem is None:
        assert redis_url(url) == str(url).strip()
        return
    with pytest.raises(ValueError, match=problem):
        redis_url(url)


@pytest.mark.parametrize("url", DATABASE)
def test_database_urls(url: str) -> None:
    """Hosts, sockets and options of libpq are accepted as they are."""
    assert database_url(url) == url


@pytest.mark.parametrize("scheme", ["postgres", "postgresql+psycopg", "PostgreSQL"])
def test_database_schemes_become_one(scheme: str) -> None:
    """Other spellings of the scheme mean the one that libpq knows."""
    assert database_url(f"{scheme}://host/db") == "postgresql://host/db"


@pytest.mark.parametrize(("url", "problem"), NO_DATABASE)
def test_no_database_urls(url: object, problem: str) -> None:
    """What is wrong is said before anything connects."""
    with pytest.raises(ValueError, match=problem):
        database_url(url)


@pytest.mark.parametrize("password", UNESCAPED)
def test_unescaped_password_stays_hidden(password: str) -> None:
    """A message about a password that was not escaped shows no part of it."""
    for check, url in (
        (redis_url, f"redis://user:{password}@host:x/0"),
        (redis_url, f"redis+sentinel://user:{password}@host:x#/main"),
        (redis_url, f"redis+cluster://user:{password}@host:x#"),
        (database_url, f"postgresql://user:{password}@host:x/db"),
    ):
        with pytest.raises(ValueError, match="malformed") as caught:
            check(url)
        assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:secret",
        "redis://:secret/0",
        "redis://user:99999",
        "redis+cluster://user:secret",
        "redis+cluster://:secret",
        "redis+cluster://user:99999",
        "redis+cluster://one,user:secret",
        "redis+cluster://user:1,secret:x",
        "redis+cluster://user:1/secret",
        "redis+sentinel://user:1/main/secret",
        "postgresql://user:secret/db",
    ],
)
def test_password_without_a_host_stays_hidden(url: str) -> None:
    """Without ``@host`` a password stands where a port should, and is not shown."""
    with pytest.raises(ValueError, match="write") as caught:
        (database_url if url.startswith("postgresql") else redis_url)(url)
    assert "secret" not in str(caught.value)
    assert "99999" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://user@host:6379/0", "redis://user@host:6379/0"),
        ("redis://user:secret@host/0", "redis://user:***@host/0"),
        ("redis://:secret@host/0", "redis://:***@host/0"),
        ("unix:///s?db=1&password=secret", "unix:///s?db=1&password=***"),
        ("rediss://h?ssl_password=secret&db=1", "rediss://h?ssl_password=***&db=1"),
        ("postgresql:///d?sslpassword=secret", "postgresql:///d?sslpassword=***"),
        ("user:secret@host", "user:***@host"),
        (
            "redis+sentinel://u:secret@one:1,two:2/main?sentinel_password=secret",
            "redis+sentinel://u:***@one:1,two:2/main?sentinel_password=***",
        ),
        ("redis+cluster://u:secret@one:1,two:2", "redis+cluster://u:***@one:1,two:2"),
    ],
)
def test_hiding(url: str, hidden: str) -> None:
    """Passwords become ``***``; the rest stays readable."""
    assert hide_secrets(url) == hidden


@given(st.text(min_size=1), st.sampled_from(["redis", "postgresql", "x", ""]))
def test_no_password_survives_hiding(password: str, scheme: str) -> None:
    """Whatever characters a password has, nothing of it is left."""
    assert hide_secrets(f"{scheme}://user:{password}@host/0") == f"{scheme}://user:***@host/0"
