"""JSON in and out, as both Redis and PostgreSQL can hold it.

JSON has no NaN and no infinity, and PostgreSQL's text has no NUL and no lone
surrogate. Such values are refused before anything is stored.
"""

import json
import math
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any

import msgspec

from jobqueue.domain.suggest import shown

NUL = "\x00"
_NOTE = 36  # bytes of the note about what was cut out


class NotJson(ValueError):
    """A value has no faithful form in JSON; the message says which and why."""


def _encode_other(value: Any) -> Any:
    dump: Callable[..., Any] | None = getattr(value, "model_dump", None)  # pydantic
    if dump is not None:
        return dump(mode="json", by_alias=True)  # by the names that it is read by
    name = type(value).__qualname__
    # These have a form as a value, so it was a key of a dict that had none.
    use = "a key in JSON" if isinstance(value, tuple | bool | NoneType) else "JSON"
    raise NotImplementedError(f"a {name} is not {use}")


_encoder = msgspec.json.Encoder(enc_hook=_encode_other)


def encode(value: Any) -> bytes:
    """Return ``value`` as JSON.

    Besides JSON's own types: dataclasses, msgspec and pydantic models, enums,
    dates, times, UUIDs, decimals, bytes (as base64), sets and tuples.

    Raises:
        NotJson: It holds something else, NaN, an infinity, NUL, a lone surrogate, two
            keys that JSON can't tell apart, or it contains itself. What a model's own
            serialiser raises comes through.
    """
    try:
        raw = _encoder.encode(value)
        # NaN becomes null without a word, so its traces are looked for in the output,
        # where looking costs next to nothing for values that have none.
        if b"null" in raw or b"\\u0000" in raw:
            _refuse(msgspec.to_builtins(value, enc_hook=_encode_other))
        if _doubtful(value, raw):
            refuse_doubles(raw)
    except NotJson:
        raise
    except RecursionError:
        raise NotJson("it is nested too deeply or contains itself") from None
    except UnicodeEncodeError:
        raise NotJson("a string in it holds a lone surrogate, which is no character") from None
    except (NotImplementedError, TypeError, ValueError, msgspec.MsgspecError) as error:
        raise NotJson(str(error)) from error
    return raw


_TEXTS = {str}


def _doubtful(value: Any, raw: bytes) -> bool:
    """Return whether two keys of ``value`` may have become one; the usual case is cheap."""
    if type(value) is dict and {*map(type, value)} == _TEXTS:
        return raw.count(b"{") > 1
    return b"{" in raw


def refuse_doubles(raw: bytes) -> None:
    """Refuse JSON with an object that has a key twice: whoever reads it drops one of them.

    Raises:
        NotJson: There is one; the message names the key.
    """
    # Reading drops the first of two, so what was read is written shorter. Only then is it
    # worth the search, which also ends well where the JSON was merely written wider.
    if len(_encoder.encode(msgspec.json.decode(raw))) < len(raw):
        json.loads(raw, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> None:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise NotJson(f"the key {shown(key)} stands twice in one object")


def make(kind: Any, value: Any) -> Any:
    """Make what msgspec does not know of a value from JSON; the hook of every decoder.

    Raises:
        TypeError: JSON can't become that.
        ValueError: A pydantic model refused the value.
    """
    validate: Callable[[bytes], Any] | None = getattr(kind, "model_validate_json", None)
    if validate is not None:
        # As JSON, since a strict model takes text for a date only there.
        return validate(msgspec.json.encode(value))
    if isinstance(value, kind):
        return value
    raise TypeError(f"can't make a {kind.__qualname__} from JSON")


def can_make(kind: Any) -> bool:
    """Return whether :func:`make` can ever make a ``kind``."""
    plain = (dict, list, str, int, float)
    return hasattr(kind, "model_validate_json") or any(issubclass(each, kind) for each in plain)


def _refuse(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise NotJson(f"it holds {value}, which JSON does not have")
    if isinstance(value, str) and NUL in value:
        raise NotJson("a string in it holds NUL (\\u0000), which PostgreSQL can't store")
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse(key)
            _refuse(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            _refuse(item)


def storable(text: str, limit: int) -> str:
    """Return ``text`` as PostgreSQL can hold it, its middle cut out above ``limit`` bytes.

    NUL and lone surrogates are shown as escapes. Head and tail are kept: the
    head of a traceback says where it began, its tail what went wrong.
    """
    clean = text.replace(NUL, "\\x00")
    raw = clean.encode("utf-8", "backslashreplace")
    if len(raw) <= limit:
        return raw.decode()
    half = max((limit - _NOTE) // 2, 0)
    note = f"\n... {len(raw) - 2 * half} bytes left out ...\n"
    tail = raw[len(raw) - half :]
    return raw[:half].decode("utf-8", "ignore") + note + tail.decode("utf-8", "ignore")
