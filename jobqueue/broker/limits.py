"""Reads limits for people: what counts, what is declared or set, and what is used now."""

from jobqueue.broker.calls import Bound, Ruled, ruled
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.domain.views import LimitView


async def show(lane: Lane, keys: Keys, queue: str) -> list[LimitView]:
    """Return the limits of one queue by label.

    Args:
        lane: Any free lane.
        keys: Names of the installation's keys.
        queue: The queue.
    """
    packed = await lane.command("GET", keys.rules(queue))
    rules = sorted(ruled.decode(packed).values(), key=lambda rule: rule.label) if packed else []
    used = [await _used(lane, keys, queue, rule) for rule in rules]
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
            used=in_use,
            parked=parked,
        )
        for rule, (in_use, parked) in zip(rules, used, strict=True)
    ]


async def _used(lane: Lane, keys: Keys, queue: str, rule: Ruled) -> tuple[int | None, int | None]:
    """Return what occupies a limit and what waits for it; unknown where each key counts apart."""
    if rule.keyed or rule.kind == "depth":
        return None, None
    count = "SCARD" if rule.kind == "limit" else "LLEN"
    occupied, parked = await lane.commands(
        [
            (count, keys.scope(queue, rule.label)),
            ("ZCARD", keys.parked(queue, rule.label)),
        ]
    )
    return occupied, parked


def _text(bound: Bound | None) -> str | None:
    if bound is None:
        return None
    return str(bound.n) if bound.per is None else f"{bound.n}/{bound.per / 1000:g}s"
