"""URLs that name several servers become the URL of each."""

from jobqueue.domain.topology import Address, several


def test_sentinel() -> None:
    """Redis and the sentinels have a user, a password and ports of their own."""
    found = several(
        "rediss+sentinel://user:p%40ss@one,[::1]:7/main/3"
        "?sentinel_username=s&sentinel_password=t%26u&ssl_ca_certs=/ca"
    )
    assert found
    assert (found.kind, found.master) == ("sentinel", "main")
    assert found.hosts == (Address("one", 26379), Address("::1", 7))
    master = found.url(Address("::1", 9))
    assert master == "rediss://user:p%40ss@[::1]:9/3?ssl_ca_certs=%2Fca"
    sentinel = found.sentinel_url(found.hosts[0])
    assert sentinel == "rediss://one:26379?ssl_ca_certs=%2Fca&username=s&password=t%26u"


def test_cluster() -> None:
    """Every node has the same user and password, and database 0."""
    found = several("redis+cluster://:secret@one,two:7")
    assert found
    assert found.hosts == (Address("one", 6379), Address("two", 7))
    assert found.url(found.hosts[1]) == "redis://:secret@two:7/0"


def test_others() -> None:
    """A URL of one server is none of these."""
    assert several("redis://one:6379/0") is None
    assert several("unix:///run/redis.sock") is None
