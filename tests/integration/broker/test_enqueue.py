"""``enqueue`` stores jobs whole, once, and ready at the right time."""

import msgspec
import pytest

from jobqueue.broker.lanes import Server
from jobqueue.domain.jobs import SPEC_VERSION, Spec
from tests.support.broker import HOUR_MS, SPEC, Broker, ids

ODD = ["!", "~" * 200, "a{b}c", "{x}:job:{y}", "%s%d%w+*?^$", "'\"\\;--", "0-0", "ready:2", "-"]


async def test_ready_at_once(broker: Broker) -> None:
    """A job without a time is ready, and comes with everything that was stored."""
    before = await broker.now_ms()
    assert await broker.enqueue("a", name="send.mail:v2/x-1", priority=1) == "c"
    delivery = await broker.take()
    assert (delivery.id, delivery.name, delivery.priority) == ("a", "send.mail:v2/x-1", 1)
    assert (delivery.run, delivery.attempts, delivery.delivery, delivery.crashes) == (0, 0, 1, 0)
    assert before <= delivery.enqueued_ms <= delivery.ready_ms <= await broker.now_ms()
    assert bytes(delivery.spec) == SPEC
