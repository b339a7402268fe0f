"""What refusals become: a wrong URL is told from a bad moment, and each thing is said once."""

import pytest
from redis.exceptions import AskError, MovedError, NoPermissionError, ResponseError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError

from jobqueue.broker.failures import AnswerLost, of_several, translate
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.topology import Address

ONE, TWO = Address("127.0.0.1", 1), Address("127.0.0.1", 2)
REFUSED = RedisConnectionError("Error 111 connecting to 127.0.0.1:1. Connection refused.")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (MovedError("4263 127.0.0.1:15170"), r"as in redis\+cluster://127\.0\.0\.1:15170"),
        (ResponseError("This instance has cluster support disabled"), "disabled; write redis://"),
        (
            ResponseError("unknown command 'EVALSHA', with args beginning with: 'a' '1' 'secret' "),
            r"it knows no command 'EVALSHA', so it is probably a Sentinel, .* redis\+sentinel://",
        ),
        (
            ResponseError("unknown command `select`, with args beginning with: `2`, "),
            r"no command 'SELECT', so it is probably a Sentinel",
        ),
        (
            ResponseError("unknown command 'CLUSTER', with args beginning with: 'SLOTS' "),
            r"no command 'CLUSTER', so it is no node of a cluster; .* redis\+sentinel://",
        ),
        (
            ResponseError("unknown command 'SENTINEL', with args beginning with: 'x' "),
            "no command 'SENTINEL', so it is no Sentinel; write redis://",
        ),
        (NoPermissionError("this user has no permissions"), "ACL SETUSER"),
    ],
)
def test_refusals(answer: ResponseError, hint: str) -> None:
    """Nobody tries again where the URL is wrong; arguments are not shown."""
    error = translate(answer, sent=True)
    assert type(error) is BrokerError
    with pytest.raises(BrokerError, match=hint):
        raise error
    assert "secret" not in str(error)


@pytest.mark.parametrize("answer", [AskError("1 127.0.0.1:2"), TryAgainError("Multiple keys")])
def test_a_moving_slot(answer: ResponseError) -> None:
    """A slot on its way is worth another try; so is one that has moved, in a cluster."""
    assert type(translate(answer, sent=True)) is BrokerUnavailable
    moved = translate(MovedError("1 127.0.0.1:2"), sent=True, apart=True)
    assert type(moved) is BrokerUnavailable


def test_half_a_script() -> None:
    """A script that met a moving slot may have done something."""
    answer = ResponseError("Script attempted to access a non local key in a cluster node")
    assert type(translate(answer, sent=True)) is AnswerLost


def test_several() -> None:
    """What several servers say is said once, with their addresses; another try may help."""
    down = translate(REFUSED, sent=False)
    error = of_several("nobody knows", [(ONE, down), (TWO, BrokerUnavailable("too busy"))])
    assert type(error) is BrokerUnavailable
    told = "127.0.0.1:1: Connection refused; 127.0.0.1:2: too busy"
    assert str(error) == f"Redis can't be reached: nobody knows: {told}"
    error = of_several("nobody knows", [(ONE, REFUSED), (TWO, BrokerError("Redis refused: no"))])
    assert type(error) is BrokerUnavailable


def test_several_that_refuse() -> None:
    """When all refuse, another try is useless."""
    refusals = [BrokerError("Redis refused: it is no cluster") for _ in range(2)]
    error = of_several("nobody knows", list(zip([ONE, TWO], refusals, strict=True)))
    assert type(error) is BrokerError
    told = "127.0.0.1:1, 127.0.0.1:2: it is no cluster"
    assert str(error) == f"Redis refused: nobody knows: {told}"
