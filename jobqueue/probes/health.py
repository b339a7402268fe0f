"""What keeps a service from its duty, as a value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Probe = Literal["livez", "readyz"]


@dataclass(frozen=True, slots=True)
class Health:
    """What keeps a service from its duty; each reason is a sentence for people.

    Args:
        dead: What a new process would mend.
        unready: What a new process would not mend, or what ends by itself.
    """

    dead: Sequence[str] = ()
    unready: Sequence[str] = ()

    def reasons(self, probe: Probe) -> list[str]:
        """Return why a probe fails; nothing when it succeeds."""
        return [*self.dead] if probe == "livez" else [*self.dead, *self.unready]
