"""Charts of the benchmarks: made of what there is."""

from pathlib import Path

from scripts.benchmarks import charts
from scripts.benchmarks.figures import Figure, Goal, Series


def test_a_chart_of_each_kind(tmp_path: Path) -> None:
    """Rates make one chart, each thing that grew another; both as PNG and SVG."""
    found = [
        Series(Figure("drain", "drain", "/s", Goal(">=", 95)), [90.0, 100.0], []),
        Series(Figure("p50", "latency", "ms"), [1.0, 2.0], []),
        *(
            Series(Figure(f"growth.workers.{count}.{key}", "", ""), [1.0 * count], [])
            for count in (1, 2)
            for key in ("rate", "p50", "p99")
        ),
    ]
    files = charts.draw(tmp_path / "charts", found, "a machine")
    names = {path.name for path in files}
    assert names == {"bench.png", "bench.svg", "growth-workers.png", "growth-workers.svg"}
    assert all(path.stat().st_size > 1000 for path in files)


def test_nothing_to_draw(tmp_path: Path) -> None:
    """Without a rate there is no chart."""
    assert charts.draw(tmp_path, [Series(Figure("p50", "latency", "ms"), [1.0], [])], "") == []


def test_panels(tmp_path: Path) -> None:
    """A peer without a value is missing in that panel only."""
    columns = [(["jobqueue", "rq"], [9000.0, 300.0]), (["jobqueue"], [1.0]), ([], [])]
    canvas = charts.panels(["drained", "p50", "bytes"], columns, "jobqueue")
    [png, svg] = charts.save(tmp_path, "peers", canvas, "a note")
    assert png.stat().st_size > 1000
    assert "rq" in svg.read_text() or svg.stat().st_size > 1000
