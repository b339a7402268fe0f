"""Other arguments for a dead letter that is put back, as an operator wrote them.

Hidden arguments stay hidden: who edits sees a mask in their place, and a mask that is sent
back means what it hides.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from jobqueue.domain.arguments import encode
from jobqueue.domain.errors import InvalidJob
from jobqueue.domain.jobs import Spec, unpack_spec
from jobqueue.domain.redaction import MASK
from jobqueue.domain.views import DeadLetter

_pack = msgspec.msgpack.encode


class Edit(msgspec.Struct, frozen=True):
    """The arguments of one job, all of them, by name.

    Args:
        arguments: Values that have a form in JSON; ``"*"`` holds a list of positional ones.
        limit: Largest size as JSON, in bytes.

    Raises:
        InvalidJob: One can't be stored, or all together are too large.
    """

    arguments: Mapping[str, Any]
    limit: int

    def __post_init__(self) -> None:
        encode(self.arguments, self.limit)  # refused now, not when half of the work is done

    def spec_of(self, letter: DeadLetter) -> bytes:
        """Return the packed spec of a letter with these arguments.

        Raises:
            InvalidJob: Nobody can read what the letter holds.
        """
        spec, old = _read(letter)
        kept = {name: old[name] for name in _masked(letter) if self.arguments.get(name) == MASK}
        raw = encode({**self.arguments, **kept}, self.limit)
        return _pack(msgspec.structs.replace(spec, arguments=raw))

    def told(self, letter: DeadLetter) -> dict[str, Any]:
        """Return what changes, for the operator log; raises like ``spec_of``."""
        spec, _ = _read(letter)
        # One that was missing so far has no mask yet.
        hidden = {*_masked(letter), *spec.redact}
        after = {name: MASK if name in hidden else each for name, each in self.arguments.items()}
        return {"before": letter.arguments, "after": msgspec.to_builtins(after)}


def _read(letter: DeadLetter) -> tuple[Spec, dict[str, Any]]:
    try:
        spec = unpack_spec(letter.spec)
        return spec, msgspec.json.decode(spec.arguments)
    except msgspec.MsgspecError:
        raise InvalidJob("arguments", "the stored job can't be read, nor changed") from None


def _masked(letter: DeadLetter) -> set[str]:
    shown = letter.arguments if isinstance(letter.arguments, dict) else {}
    return {name for name, value in shown.items() if value == MASK}
