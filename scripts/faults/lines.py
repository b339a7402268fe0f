"""Lines between services and Redis that lose what is on them."""

from random import Random

from scripts.faults.registry import Injection, fault
from scripts.faults.stage import Stage

LOST = 0.15  # of all replies


@fault(
    "lost-replies",
    "commands are carried out and their replies are lost",
    lane="servers",
    doubles="unbegun",
)
def lost_replies(stage: Stage, random: Random, _injection: Injection) -> None:
    """Cut lines at a reply, for some seconds."""
    stage.servers.to_redis.lose_replies(LOST)
    stage.sleep(random.uniform(2, 4))
    stage.servers.to_redis.lose_replies(0)


@fault(
    "half-open", "lines swallow what goes one way or both ways", lane="servers", doubles="unbegun"
)
def half_open(stage: Stage, random: Random, _injection: Injection) -> None:
    """Deafen half of the lines, which stay so until their client gives up; new ones are fine."""
    stage.servers.to_redis.deafen(0.5)
    stage.sleep(random.uniform(10.5, 11.5))  # the longest time-out of the services is 10
