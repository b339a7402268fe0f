"""JSON in and out, as both Redis and PostgreSQL can hold it.

JSON has no NaN and no infinity, and PostgreSQL's text has no NUL and no lone
surrogate. Such values are refused before anything is stored.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

NUL = "\x00"


class NotJson(ValueError):
    """A value has no faithful form in JSON; the message says which and why."""


def _encode_other(value: Any) -> Any:
    dump: Callable[..., Any] | None = getattr(value, "model_dump", None)  # pydantic
    if dump is not None:
        return dump(mode="json")
    raise NotImplementedError(f"a {type(value).__qualname__} is not JSON")


_encoder = msgspec.json.Encoder(enc_hook=_encode_other)


def encode(value: Any) -> bytes:
    """Return ``value`` as JSON.

    Besides JSON's own types: dataclasses, msgspec and pydantic models, enums,
    dates, times, UUIDs, decimals, bytes (as base64), sets and tuples.

    Raises:
        NotJson: It holds something else, NaN, an infinity, NUL, a lone surrogate,
            or it contains itself.
    """
    try:
        raw = _encoder.encode(value)
    except RecursionError:
        raise NotJson("it is nested too deeply or contains itself") from None
    except UnicodeEncodeError:
        raise NotJson("a string in it holds a lone surrogate, which is no character") from None
    except (NotImplementedError, TypeError, ValueError, msgspec.MsgspecError) as error:
        raise NotJson(str(error)) from error
    # NaN becomes null without a word, so its traces are looked for in the output,
    # where looking costs next to nothing for values that have none.
    if b"null" in raw or b"\\u0000" in raw:
        _refuse(msgspec.to_builtins(value, enc_hook=_encode_other))
    return raw


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
    note = f"\n... {len(raw) - limit} bytes left out ...\n"
    half = max((limit - len(note)) // 2, 0)
    tail = raw[len(raw) - half :] if half else b""
    return raw[:half].decode("utf-8", "ignore") + note + tail.decode("utf-8", "ignore")
