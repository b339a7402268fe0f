"""The settings of whoever calls a script: none of them may reach it, or its services."""

import os
from collections.abc import Mapping
from pathlib import Path

from jobqueue.settings import SETTINGS


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are no settings of ours."""
    fallbacks = {row.fallback for row in SETTINGS.values()}
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("JOBQUEUE_") and name not in fallbacks
    }


def leave(folder: Path) -> None:
    """Leave every setting of the user behind: variables, and the project we were called in."""
    kept = without_settings(os.environ)
    for name in os.environ.keys() - kept:
        del os.environ[name]
    os.chdir(folder)
