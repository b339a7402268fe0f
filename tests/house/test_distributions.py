"""The wheel and the sdist hold what a user needs: scripts, migrations, pages, types."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "dist", "build")


def build(folder: Path) -> tuple[Path, Path]:
    """Build both from a copy of the source; return sdist and wheel, the latter from the former."""
    shutil.copytree(ROOT, folder / "source", ignore=LEFT_OUT)
    target = folder / "dist"
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), "source"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return next(target.glob("*.tar.gz")), next(target.glob("*.whl"))


def source_files(folder: str) -> set[str]:
    """Names of the files under a folder of the source, as the source has them."""
    paths = (ROOT / folder).rglob("*")
    return {
        str(path.relative_to(ROOT))
        for path in paths
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


def test_wheel_and_sdist(tmp_path: Path) -> None:
    """Nothing is missing from either; the wheel made from the sdist is whole, and clean."""
    sdist, wheel = build(tmp_path)
    with tarfile.open(sdist) as archive:
        shipped = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"LICENSE", "README.md", "CHANGELOG.md", "alembic.ini", "compose.yaml"}
    wanted |= source_files("jobqueue") | source_files("alembic") | source_files("tests")
    assert wanted - shipped == set()

    with ZipFile(wheel) as zipped:
        installed = set(zipped.namelist())
    package = source_files("jobqueue")
    migrations = {f"jobqueue/_{name}" for name in source_files("alembic")}
    assert (package | migrations) - installed == set()
    assert {name.partition("/")[0].partition("-")[0] for name in installed} == {"jobqueue"}
    for kind in ("broker/lua/enqueue.lua", "docs/errors.md", "py.typed", "_alembic/env.py"):
        assert f"jobqueue/{kind}" in installed
