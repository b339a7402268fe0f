"""Reads limits for people: what counts, what is declared or set, and what is used now."""

from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import Bound, Ruled, ruled
from jobqueue.domain.pauses import FULL_PAUSE, QUEUE_PAUSE
from jobqueue.domain.views import LimitView


async def show(lane: Lane, keys: Keys, queue: str) -> list[LimitView]:
    """Return the limits of one queue by label.

    Args:
        lane: Any free lane.
        keys: Names of the installation's keys.
        queue: The queue.
    """
    packed = await lane.command("GET", keys.rules(queue))
    found = ruled.decode(packed).values() if packed else ()
    limits = (rule for rule in found if rule.label not in {QUEUE_PAUSE, FULL_PAUSE})
    rules = sorted(limits, key=lambda rule: rule.label)
    asked = [command for rule in rules for command in _asking(keys, queue, rule)]
    answers = iter(await lane.commands(asked) if asked else ())
    return [
        LimitView(
            queue=queue,
            label=rule.label,
            kind=rule.kind,
            job=rule.name,
            keyed=rule.keyed,
            n=rule.n,
            per=None if rule.per is None else rule.per / 1000,
            declared=_text(rule.declared),
            set=_text(rule.set),
            used=next(answers) if _counted(rule) else None,
            parked=next(answers) if _counted(rule) else None,
        )
        for rule in rules
    ]


def _counted(rule: Ruled) -> bool:
    """Whether one number says what occupies a limit: not where each key counts apart."""
    return not rule.keyed and rule.kind != "depth"


def _asking(keys: Keys, queue: str, rule: Ruled) -> list[tuple[str, str]]:
    """Return the commands that tell what occupies a limit and what waits for it."""
    if not _counted(rule):
        return []
    count = "SCARD" if rule.kind == "limit" else "LLEN"
    return [
        (count, keys.scope(queue, rule.label)),
        ("ZCARD", keys.parked(queue, rule.label)),
    ]


def _text(bound: Bound | None) -> str | None:
    if bound is None:
        return None
    return str(bound.n) if bound.per is None else f"{bound.n}/{bound.per / 1000:g}s"
