"""Reads a function's annotations, also those that are text or exist only for type checkers.

One rule: a name that is not there at run time costs the check of one argument, never
the handler.
"""

import inspect
import sys
import typing
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any


def signature(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return a function's parameters in their order."""
    if sys.version_info >= (3, 14):  # annotations are evaluated when they are asked for
        from annotationlib import Format

        found = inspect.signature(function, annotation_format=Format.FORWARDREF)
    else:
        found = inspect.signature(function)
    return list(found.parameters.values())


def hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return a function's annotations by parameter name; ``return`` is one of them.

    A name that exists only for type checkers is left out.
    """
    try:
        found = typing.get_type_hints(function, include_extras=True)
    except (NameError, AttributeError):
        found = dict(_one_by_one(function))
    return {name: _readable(kind) for name, kind in found.items()}


def _one_by_one(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    for name, annotation in _written(function).items():
        alone = SimpleNamespace(__annotations__={name: annotation})
        with suppress(NameError, AttributeError):
            yield name, typing.get_type_hints(alone, scope, include_extras=True)[name]


def _written(function: Callable[..., Any]) -> dict[str, Any]:
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return get_annotations(function, format=Format.FORWARDREF)
    return inspect.get_annotations(function)


def _readable(kind: Any) -> Any:
    """Return what a decoder makes of JSON where ``kind`` says only how it is used."""
    items = typing.get_args(kind)
    if items and typing.get_origin(kind) is Iterable:
        return Collection[items]  # type: ignore[valid-type]
    return kind
