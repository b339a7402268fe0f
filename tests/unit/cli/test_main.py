"""The command itself: help, wrong calls, and what it costs to start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import jobqueue
from jobqueue.cli.main import app

from .conftest import Run

SLOW = {"redis", "sqlalchemy", "alembic", "psycopg", "croniter", "rich", "click", "pydantic"}
DOCS = Path(jobqueue.__file__).parent / "docs"


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m jobqueue`` in a process of its own."""
    command = [sys.executable, "-m", "jobqueue", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def groups() -> dict[str, set[str]]:
    """Return the full name of every command or group, with the commands in it."""
    top = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return {
        f"jobqueue {name}": {f"jobqueue {name} {each}" for each in getattr(command, "commands", ())}
        for name, command in top.items()
    }


def commands() -> set[str]:
    """Return the full name of every command and group."""
    return set(groups()).union(*groups().values())


def test_help(run: Run) -> None:
    """``--help`` lists commands and global options on stdout."""
    ended = run("--help")
    assert (ended.code, ended.err) == (0, "")
    for word in ("config", "db", "docs", "version", "--redis-url", "--json"):
        assert word in ended.out


@pytest.mark.parametrize("group", [(), ("db",), ("dlq",), ("jobs",), ("limits",), ("workers",)])
def test_call_without_a_command(run: Run, group: tuple[str, ...]) -> None:
    """A call that says nothing gets the help on stderr, as wrong usage."""
    ended = run(*group)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"Usage: {' '.join(('jobqueue', *group))}")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["cofnig"],
            "No such command 'cofnig'. Did you mean 'config'? (see 'jobqueue --help')",
        ),
        (
            ["db", "chek"],
            "No such command 'chek'. Did you mean 'check'? (see 'jobqueue db --help')",
        ),
        (
            ["config", "--jsn"],
            "No such option: --jsn; did you mean '--json'? (see 'jobqueue config --help')",
        ),
        (
            ["version", "more"],
            "Got unexpected extra argument(s) (more) (see 'jobqueue version --help')",
        ),
        (
            ["health", "foo"],
            (
                "Invalid value for 'worker|scheduler|recorder': 'foo' is not one of 'worker', "
                "'scheduler', 'recorder'. (see 'jobqueue health --help')"
            ),
        ),
        (["config", "--prefix"], "Option '--prefix' requires an argument."),
    ],
)
def test_wrong_calls(run: Run, arguments: list[str], line: str) -> None:
    """Wrong usage is one line with the nearest right word, and exit code 2."""
    ended = run(*arguments)
    assert (ended.code, ended.out, ended.err) == (2, "", f"jobqueue: {line}\n")


@pytest.mark.parametrize("command", [("queues",), ("limits", "show")])
def test_queue_is_an_argument(run: Run, command: tuple[str, ...]) -> None:
    """Commands that look at one queue or all take it in the same form."""
    ended = run(*command, "email", "--redis-url", "redis://127.0.0.1:1")
    assert (ended.code, ended.out) == (5, "")
    assert run(*command, "--queue", "email").code == 2


def test_version_option(run: Run) -> None:
    """``--version`` prints one line, whatever else is wrong."""
    assert run("--version").out == f"jobqueue {jobqueue.__version__}\n"


def test_program() -> None:
    """``python -m jobqueue`` is the command, with its exit codes."""
    assert program("--version").stdout == f"jobqueue {jobqueue.__version__}\n"
    ended = program("cofnig")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr


def test_interrupted_at_any_moment(tmp_path: Path) -> None:
    """Ctrl-C during the imports, or before a command has its own signals, leaves no traceback."""
    moments = ["jobqueue.app", "msgspec", "typer", "jobqueue.cli.dev", "jobqueue.settings"]
    for moment in moments:
        # The import of this module is the moment of the signal.
        (tmp_path / "sitecustomize.py").write_text(f"""
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {moment!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
""")
        command = [sys.executable, "-m", "jobqueue", "version"]
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (130, "", ""), moment


def test_who_only_imports_keeps_ctrl_c() -> None:
    """The library touches no signal of another program, whatever it is called."""
    code = "import signal, jobqueue; print(signal.getsignal(signal.SIGINT).__name__)"
    for program in ("app.py", "jobqueue"):
        run = f"import sys; sys.argv = [{program!r}]; {code}"
        done = subprocess.run([sys.executable, "-c", run], capture_output=True, check=True)
        assert done.stdout == b"default_int_handler\n"


def test_closed_pipe() -> None:
    """A reader that leaves early, such as ``head``, causes no traceback."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "jobqueue", "docs", "cli"]
    ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (1, "")


def test_help_imports_little() -> None:
    """``--help`` loads no package that takes long to import."""
    code = (
        "import sys\n"
        "from jobqueue.cli.main import main\n"
        "try: main(['--help'])\n"
        "finally: print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    loaded = {module.partition(".")[0] for module in done.stderr.split()}
    assert "typer" in loaded
    assert loaded & SLOW == set()


def test_every_command_says_what_it_prints_and_when_it_fails(run: Run) -> None:
    """Help texts have an effect, an output, and a failure where there is one of its own."""
    for name in commands() - {name for name, inner in groups().items() if inner}:
        words = run(*name.split()[1:], "--help").out.split()
        assert "Prints" in words, name


def test_every_command_is_documented() -> None:
    """``jobqueue docs cli`` has a heading for each command, and for no other."""
    lines = (DOCS / "cli.md").read_text("utf-8").splitlines()
    headings = {line.lstrip("# ") for line in lines if line.startswith("#")}
    assert {name for name in headings if name.startswith("jobqueue ")} == commands()
