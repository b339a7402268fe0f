"""Charts of the benchmarks: made of what there is."""

from pathlib import Path

from scripts.benchmarks import charts
from scripts.benchmarks.figures import QUICK, Figure, Goal, Series
from scripts.benchmarks.report import Report
from tests.support.measured import MACHINE


def test_a_chart_of_each_kind(tmp_path: Path) -> None:
    """Rates make a chart, nodes, and each thing that grew; all as PNG and SVG."""
    found = [
        Series(Figure("drain", "drain", "/s", Goal(">=", 95)), [90.0, 100.0], []),
        Series(Figure("p50", "latency", "ms"), [1.0, 2.0], []),
        *(
            Series(Figure(f"growth.workers.{count}.{key}", "", ""), [1.0 * count], [])
            for count in (1, 2)
            for key in ("rate", "p50", "p99")
        ),
        *(
            Series(Figure(f"nodes.1.{key}", "", ""), [5.0], [])
            for key in ("rate", "workers", "busy.1", "worker_cpu", "redis_cpu", "fill_cpu")
        ),
    ]
    files = charts.draw(tmp_path / "charts", Report(MACHINE, QUICK, 2, found))
    names = {path.name for path in files}
    drawn = {"bench", "growth-workers", "nodes"}
    assert names == {f"{name}.{kind}" for name in drawn for kind in ("png", "svg")}
    assert all(path.stat().st_size > 1000 for path in files)


def test_nothing_to_draw(tmp_path: Path) -> None:
    """Without a rate there is no chart."""
    report = Report(MACHINE, QUICK, 1, [Series(Figure("p50", "latency", "ms"), [1.0], [])])
    assert charts.draw(tmp_path, report) == []


def test_panels(tmp_path: Path) -> None:
    """A peer without a value is missing in that panel only."""
    columns = [(["jobqueue", "rq"], [9000.0, 300.0]), (["jobqueue"], [1.0]), ([], [])]
    canvas = charts.panels(["drained", "p50", "bytes"], columns, "jobqueue")
    [png, svg] = charts.save(tmp_path, "peers", canvas, "a note")
    assert png.stat().st_size > 1000
    assert "rq" in svg.read_text() or svg.stat().st_size > 1000
