"""Rules by their short names: what a queue, the jobs of a name, or a key of these may do."""

from jobqueue.broker.messages import Rule


def limit(n: int | None, name: str | None = "job", *, keyed: bool = False) -> Rule:
    """Return a bound on what runs at once: of the queue where no name is given."""
    return Rule(label("limit", name, keyed), "limit", name, keyed, n, None)


def rate(
    n: int | None, per_ms: int | None = 60_000, name: str | None = "job", *, keyed: bool = False
) -> Rule:
    """Return a bound on what starts within a time."""
    return Rule(
        label("rate", name, keyed), "rate", name, keyed, n, per_ms if n is not None else None
    )


def depth(n: int | None) -> Rule:
    """Return a bound on what waits in the queue."""
    return Rule("depth:queue", "depth", None, False, n, None)


def label(kind: str, name: str | None, keyed: bool) -> str:
    """Return what a rule is called."""
    return f"{kind}:queue" if name is None else f"{kind}:{'key' if keyed else 'job'}:{name}"
