"""Loads the user's object from ``MODULE:APP`` and says plainly why it can't.

One rule: whatever the user's module does while it is imported ends here as a
``ConfigurationError`` that names the file and the line; the traceback stays its cause.
"""

import importlib
import os
import pkgutil
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.suggest import did_you_mean, nearest

T = TypeVar("T")


def load(path: str, kind: type[T], home: Path | None = None) -> T:
    """Return the object of type ``kind`` at ``path``; the working folder is importable.

    Args:
        path: ``MODULE:APP``, as the setting ``app`` has it.
        kind: What the object must be an instance of.
        home: The folder of the file that names the app, if one does; importable too.

    Raises:
        ConfigurationError: There is no such module or object, it is of another type,
            or importing the module failed.
    """
    folders = make_importable(home)
    name, _, attribute = path.partition(":")
    module = _import(path, name, folders)
    found: object = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            hint = _instances(module, attribute, kind)
            raise ConfigurationError(f"app {path}: {name} has no {attribute!r}; {hint}")
        found = getattr(found, part)
    if not isinstance(found, kind):
        what = f"is a {type(found).__name__}, not a {kind.__name__}"
        raise ConfigurationError(f"app {path} {what}; {_instances(module, attribute, kind)}")
    return found


def make_importable(home: Path | None) -> list[str]:
    """Let modules be found in the working folder, then in ``home``; return these folders."""
    folders = list(dict.fromkeys([_here(), *([str(home)] if home else [])]))
    sys.path[:] = [*folders, *(each for each in sys.path if each not in folders)]
    return folders


def _import(path: str, name: str, folders: list[str]) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        # An import inside the module may be what is missing, not the module.
        if not f"{name}.".startswith(f"{missing}."):
            raise _broken(path, name, error) from error
        raise ConfigurationError(f"app {path}: {_missing(missing, folders)}") from error
    except (Exception, SystemExit) as error:
        raise _broken(path, name, error) from error


def _missing(name: str, folders: list[str]) -> str:
    parent, _, last = name.rpartition(".")
    if parent:
        folders = list(getattr(sys.modules[parent], "__path__", ()))
    near = nearest(last, [each.name for each in pkgutil.iter_modules(folders)])
    place = parent or f"{' or '.join(folders)} or on Python's path"
    hint = f"; {did_you_mean(name, [f'{parent}.{near}'.lstrip('.')])}" if near else ""
    return f"there is no module {last!r} in {place}{hint}"


def _broken(path: str, name: str, error: BaseException) -> ConfigurationError:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return ConfigurationError(f"app {path}: importing {name} failed at {_place(error)}: {what}")


def _place(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return _shown(error.filename, error.lineno)
    frames = traceback.extract_tb(error.__traceback__)
    outside = [each for each in frames if not _machinery(each.filename)]
    own = [each for each in outside if not _installed(each.filename)]
    last = (own or outside or frames)[-1]  # the user's last line says more than a library's
    return _shown(last.filename, last.lineno)


def _machinery(filename: str) -> bool:
    return filename.startswith("<frozen") or filename in (__file__, importlib.__file__)


def _installed(filename: str) -> bool:
    package = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - frames hold texts
    library = os.path.dirname(os.__file__)  # noqa: PTH120 - the same
    return "site-packages" in filename or filename.startswith((package, library))


def _shown(filename: str, line: int | None) -> str:
    return f"{filename.removeprefix(_here() + os.sep)}:{line}"


def _here() -> str:
    return os.getcwd()  # noqa: PTH109 - sys.path and frames hold texts


def _instances(module: ModuleType, attribute: str, kind: type) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, kind)]
    if not names:
        return f"{module.__name__} makes no {kind.__name__}"
    return did_you_mean(attribute, names)
