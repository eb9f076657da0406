"""Bytes to JSON values with their line numbers, one at a time, never failing as a whole."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from ._values import BrokenLine, UnreadableError

_CHUNK = 1 << 16
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u[dD]")


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_constant)


def values(stream: BinaryIO, file: str) -> Iterator[tuple[int, Any] | BrokenLine]:
    """Yield `(line number, value)` for each record of a JSON-lines file, a JSON array, or pretty-printed JSON."""
    first = True
    for number, raw in enumerate(stream, start=1):
        if number == 1 and raw.startswith(codecs.BOM_UTF8):
            raw = raw[len(codecs.BOM_UTF8) :]
        if not raw.strip():
            continue
        if first and _opens_document(raw):
            yield from _document(stream, raw, number, file)
            return
        first = False
        yield _parse_line(raw, number, file)


def _parse_line(raw: bytes, number: int, file: str) -> tuple[int, Any] | BrokenLine:
    try:
        return number, _loads(raw.decode("utf-8").rstrip())
    except UnicodeDecodeError as error:
        return BrokenLine(file, number, f"not UTF-8 (byte {error.start + 1} of the line)")
    except UnreadableError as error:
        return BrokenLine(file, number, str(error))


def _loads(text: str) -> Any:
    value, end = _decode(text, len(text) - len(text.lstrip()))
    if text[end:].strip():
        raise UnreadableError(f"not JSON: more text after the value (column {end + 1})")
    return value


def _decode(text: str, start: int) -> tuple[Any, int]:
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"not JSON: {error.msg} (column {error.colno})") from error
    except RecursionError as error:
        raise UnreadableError("not usable: nested too deeply") from error
    except ValueError as error:  # NaN, or a number with thousands of digits
        raise UnreadableError(f"not JSON: {error}") from error
    if _ESCAPED.search(text, start, end) and _lone_surrogate(value):
        value = json.loads(_SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False)))
    return value, end


def _lone_surrogate(value: Any) -> bool:
    """Half a surrogate pair is legal JSON, but no client can send it: UTF-8 has no form for it."""
    return _SURROGATE.search(json.dumps(value, ensure_ascii=False)) is not None


def _opens_document(raw: bytes) -> bool:
    """Tell a file that is one JSON array (or pretty-printed objects) from JSON lines by its first line."""
    text = raw.decode("utf-8", "replace").strip()
    if text == "{":
        return True
    if not text.startswith("["):
        return False
    try:
        _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return _unfinished(error, text)
    except (ValueError, RecursionError):
        return False
    return False


def _unfinished(error: json.JSONDecodeError, text: str) -> bool:
    return error.msg.startswith("Unterminated") or error.pos >= len(text.rstrip()) - 8


def _document(stream: BinaryIO, head: bytes, line: int, file: str) -> Iterator[tuple[int, Any] | BrokenLine]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(head).lstrip(" \t\r\n")
    text, ended = text.removeprefix("["), False
    while True:
        rest = text.lstrip(" \t\r\n,")
        line += text[: len(text) - len(rest)].count("\n")
        text = rest
        if text.startswith("]") or (ended and not text):
            return
        try:
            value, end = _decode(text, 0)
        except UnreadableError as error:
            cause = error.__cause__
            waits = not text or (isinstance(cause, json.JSONDecodeError) and _unfinished(cause, text))
            if ended or not waits:
                yield BrokenLine(file, line, f"{error}; the rest of the array is not read")
                return
        else:
            if end < len(text) or ended:  # a number at the end of the buffer may go on in the next chunk
                yield line, value
                line += text[:end].count("\n")
                text = text[end:]
                continue
        # Asking for as much again as is waiting keeps the cost of parsing a long value anew within twice its length.
        chunk = stream.read(max(_CHUNK, len(text)))
        ended = not chunk
        text += decoder.decode(chunk, final=ended)
