"""What a producer asks of replicas, and what they say."""

import msgspec


class Replication(msgspec.Struct, frozen=True):
    """What is asked for: so many replicas, within so many seconds; ``disk``: their disks."""

    replicas: int
    seconds: float
    disk: bool = False


class Reached(msgspec.Struct, frozen=True):
    """How many replicas have a job of those that were asked for.

    ``problem`` says why its master can't answer for its own disk, where it was asked to.
    """

    replicas: int
    asked: int
    problem: str = ""

    @property
    def enough(self) -> bool:
        """Whether it is what was asked for."""
        return self.replicas >= self.asked and not self.problem
