"""What a producer asks of replicas, and what they say."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Replication:
    """What is asked for: so many replicas, within so many seconds; ``disk``: their disks."""

    replicas: int
    seconds: float
    disk: bool = False


@dataclass(frozen=True, slots=True)
class Reached:
    """How many replicas have a job of those that were asked for.

    ``master`` says whether the master has it where it was to be, which may be on its disk.
    """

    replicas: int
    asked: int
    master: bool = True

    @property
    def enough(self) -> bool:
        """Whether it is what was asked for."""
        return self.replicas >= self.asked and self.master
