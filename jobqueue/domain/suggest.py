"""How errors show what was written, and the one "did you mean" of the package.

Errors about a name that nobody knows end with what this module returns.
"""

from collections.abc import Iterable

_SHOWN = 8
_LONGEST = 100  # characters of a value


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the name in ``known`` that ``word`` was probably meant to be, or ``None``."""
    from difflib import get_close_matches  # slow to import, and only errors need it

    names = {name.lower(): str(name) for name in known}
    near = get_close_matches(word.lower(), names, n=1)
    return names[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """Return the end of an error message: the nearest known name, else some of them.

    Args:
        word: What the caller wrote.
        known: The names that would be right, the usual ones first. A single one is what
            was meant, however far it is.
        otherwise: What to say instead of some names where none is near.
    """
    names = [str(name) for name in known]
    near = names[0] if len(names) == 1 else nearest(word, names)
    if near:
        return f"did you mean {near!r}?"
    if otherwise is not None:
        return otherwise
    some = ", ".join(names[:_SHOWN])
    return f"write one of {some}{', ...' if len(names) > _SHOWN else ''}"


def shown(value: object) -> str:
    """Return a value as errors show it: its ``repr``, on a length that a line can hold."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - it may be an object of the caller
        return f"<{type(value).__name__} that can't be shown: {type(error).__name__}>"
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - 20]}...{text[-10:]} ({len(text)} characters)"
