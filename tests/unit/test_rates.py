"""How fast a worker ends jobs, as it says itself."""

from jobqueue.worker.rates import Rates


def test_rates() -> None:
    """Attempts of all partitions of a queue count, over the last minute."""
    now, ended = [0.0], {"mail#0": 0, "mail#1": 0}
    rates = Rates(ended, lambda: now[0])
    assert rates.per_second() == {"mail": 0.0}
    seen = []
    for _ in range(40):
        now[0] += 5
        ended["mail#0"] += 10
        ended["mail#1"] += 5
        seen.append(rates.per_second()["mail"])
    assert set(seen) == {3.0}
    for _ in range(13):
        now[0] += 5
        seen.append(rates.per_second()["mail"])
    assert seen[-2:] == [0.0, 0.0]
    assert sorted(seen[40:], reverse=True) == seen[40:]
