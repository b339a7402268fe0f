"""Loading ``MODULE:APP``, with ``Decimal`` for the kind of object that is wanted."""

import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from jobqueue.cli import apps
from jobqueue.domain.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _own_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what a test imported, and its folder."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(path: str, text: str) -> None:
    """Write a module below the working folder."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def refusal(path: str) -> str:
    """Return the message of the error that loading must raise."""
    with pytest.raises(ConfigurationError) as caught:
        apps.load(path, Decimal)
    return str(caught.value)


def test_working_folder_is_importable() -> None:
    """A module of the working folder is found, and its object returned."""
    write("shop.py", "from decimal import Decimal\napp = Decimal(5)\n")
    assert apps.load("shop:app", Decimal) == 5


def test_dotted_on_both_sides() -> None:
    """Packages and attributes of attributes are followed."""
    write("shop/__init__.py", "")
    write("shop/jobs.py", "from decimal import Decimal\nclass web:\n    app = Decimal(5)\n")
    assert apps.load("shop.jobs:web.app", Decimal) == 5


def test_module_missing(tmp_path: Path) -> None:
    """A module that is not there: where we looked, and what it may be called."""
    write("shop_jobs.py", "")
    assert refusal("shop_job:app") == (
        f"app shop_job:app: there is no module 'shop_job' in {tmp_path} or on Python's path; "
        "did you mean 'shop_jobs'?"
    )


def test_submodule_missing() -> None:
    """The part that is missing is named, with its package."""
    write("shop/__init__.py", "")
    write("shop/jobs.py", "")
    assert refusal("shop.job:app") == (
        "app shop.job:app: there is no module 'job' in shop; did you mean 'shop.jobs'?"
    )


def test_package_that_is_a_module() -> None:
    """A dot after a plain module leads nowhere."""
    write("shop.py", "")
    assert refusal("shop.jobs:app") == "app shop.jobs:app: there is no module 'jobs' in shop"


def test_import_inside_is_missing() -> None:
    """A missing import inside the module is not taken for a missing module."""
    write("shop.py", "import os\n\nimport requestz\n")
    assert refusal("shop:app") == (
        "app shop:app: importing shop failed at shop.py:3: "
        "ModuleNotFoundError: No module named 'requestz'"
    )


def test_import_of_its_own_kin_is_missing() -> None:
    """A sibling that is missing is named as the import that failed."""
    write("shop/__init__.py", "")
    write("shop/jobs.py", "from shop.helpers import x\n")
    assert "failed at shop/jobs.py:1: ModuleNotFoundError" in refusal("shop.jobs:app")


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("x = 1\nx = (\n", "shop.py:2", "SyntaxError: '(' was never closed"),
        ("import sys\nsys.exit(3)\n", "shop.py:2", "SystemExit: 3"),
        ("assert False\n", "shop.py:1", "AssertionError"),
        ("def f():\n    1 / 0\nf()\n", "shop.py:2", "ZeroDivisionError: division by zero"),
        ("import json\njson.loads('x')\n", "shop.py:2", "JSONDecodeError: Expecting value"),
        ("from os import nothing\n", "shop.py:1", "ImportError: cannot import name 'nothing'"),
    ],
)
def test_module_fails(text: str, place: str, what: str) -> None:
    """Whatever the module raises: its own file and line, and the error."""
    write("shop.py", text)
    message = refusal("shop:app")
    assert message.startswith(f"app shop:app: importing shop failed at {place}: {what}")


def test_traceback_is_kept() -> None:
    """The error of the module is the cause, for those who ask to see it."""
    write("shop.py", "1 / 0\n")
    with pytest.raises(ConfigurationError) as caught:
        apps.load("shop:app", Decimal)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_interrupt_passes() -> None:
    """Ctrl-C during a slow import ends the program as always."""
    write("shop.py", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        apps.load("shop:app", Decimal)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("queue = Decimal(1)\n", "did you mean 'queue'?"),
        ("app1 = Decimal(1)\nother = Decimal(2)\n", "did you mean 'app1'?"),
        ("one = Decimal(1)\ntwo = Decimal(2)\n", "write one of one, two"),
        ("", "shop makes no Decimal"),
    ],
)
def test_attribute_missing(text: str, hint: str) -> None:
    """The names that would do are suggested."""
    write("shop.py", "from decimal import Decimal\n" + text)
    assert refusal("shop:app") == f"app shop:app: shop has no 'app'; {hint}"


def test_other_type() -> None:
    """An object of another type is named as what it is."""
    write("shop.py", "from decimal import Decimal\napp = 'x'\nqueue = Decimal(1)\n")
    assert refusal("shop:app") == "app shop:app is a str, not a Decimal; did you mean 'queue'?"
