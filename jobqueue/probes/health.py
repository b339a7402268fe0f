"""What keeps a service from its duty, as a value."""

from collections.abc import Sequence
from typing import Literal

import msgspec

Probe = Literal["livez", "readyz"]


class Health(msgspec.Struct, frozen=True):
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
