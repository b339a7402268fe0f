"""Values of command lines; each function is the ``type=`` of an argument."""

import os
from argparse import ArgumentTypeError
from pathlib import Path


def positive(text: str) -> int:
    """Read a number from 1."""
    number = int(text)
    if number < 1:
        raise ArgumentTypeError("must be 1 or more")
    return number


def program(text: str) -> Path:
    """Read the path of a program that may be run."""
    path = Path(text).absolute()
    if not os.access(path, os.X_OK) or path.is_dir():
        raise ArgumentTypeError(f"{text} is no program")
    return path
