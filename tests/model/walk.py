"""Walks every order of events of a :class:`~tests.model.lifetime.Lifetime`."""

from collections import defaultdict, deque

from tests.model.lifetime import NOWHERE, Lifetime, World


def walk(life: Lifetime, faults: int) -> tuple[int, list[str]]:
    """Return the number of worlds, and the events that lead to the first broken promise.

    A promise is broken in a world that is wrong, and in one from which no order of events leads
    to a good end.
    """
    begin = World(faults=faults)
    came: dict[World, tuple[World, str] | None] = {begin: None}
    before: defaultdict[World, list[World]] = defaultdict(list)
    todo = deque([begin])
    good = []
    while todo:
        world = todo.popleft()
        if problem := _problem(world):
            return len(came), [*_path(came, world), problem]
        if _ended_well(world):
            good.append(world)
        for event, following in life.steps(world):
            before[following].append(world)
            if following not in came:
                came[following] = (world, event)
                todo.append(following)
    hopeless = came.keys() - _all_before(good, before)
    if not hopeless:
        return len(came), []
    first = next(world for world in came if world in hopeless)
    return len(came), [*_path(came, first), "this never ends"]


def _all_before(good: list[World], before: dict[World, list[World]]) -> set[World]:
    found, todo = set(good), deque(good)
    while todo:
        for world in before.get(todo.popleft(), ()):
            if world not in found:
                found.add(world)
                todo.append(world)
    return found


def _path(came: dict[World, tuple[World, str] | None], world: World) -> list[str]:
    path: list[str] = []
    while (step := came[world]) is not None:
        world = step[0]
        path.append(step[1])
    return path[::-1]


def _problem(world: World) -> str:
    if world.wrong:
        return world.wrong
    if len(set(world.history)) < len(world.history):
        return "a row twice"
    rows = {*world.history, *world.journal}
    if len({row.delivery for row in rows}) < len(rows):
        return "two rows of one delivery"
    finals = [row.run for row in rows if row.final]
    return "two ends of one run" if len(set(finals)) < len(finals) else ""


def _ended_well(world: World) -> bool:
    runs = {row.run for row in world.history if row.final}
    return (
        world.sent == 2
        and world.job.place == NOWHERE
        and not world.journal
        and world.read is None
        and runs == ({0, 1} if world.redriven else {0})
        and not world.started  # but they left no row
    )
