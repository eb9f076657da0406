"""What a file that is yet to be sent holds, read without using it up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of a file beyond which it is not read twice."""


def contents(file: Any) -> bytes | None:
    """The bytes that a file, path or handle would be sent as.

    ``None`` where they cannot be known without being used up. A handle is read from where it stands, and put
    back there.
    """
    if isinstance(file, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", file))
    if isinstance(file, str):
        return file.encode("utf-8", "surrogatepass")
    try:
        if isinstance(file, os.PathLike):
            path = Path(cast("os.PathLike[str]", file))
            return path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
        return _read(file)
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _read(handle: Any) -> bytes | None:
    if not handle.seekable():
        return None
    place = handle.tell()
    if type(place) is not int:
        return None
    try:
        data = handle.read(MOST_BYTES + 1)
    finally:
        handle.seek(place)
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    return data if type(data) is bytes and len(data) <= MOST_BYTES else None


def parts(files: Any) -> list[Any] | None:
    """The parts of a multipart body: field, file name, digest of the content, type, headers; ``None`` as above.

    Args:
        files: as httpx takes them: a mapping of, or pairs of, a field and a file, which is content, or a tuple of a
            name, content, and perhaps a type and headers.
    """
    pairs: Any = list(cast("Mapping[str, Any]", files).items()) if isinstance(files, Mapping) else files
    if type(pairs) not in (list, tuple):
        return None
    found: list[Any] = []
    for field, file in cast("list[tuple[Any, Any]]", pairs):
        name, content, *rest = cast("tuple[Any, ...]", file if isinstance(file, tuple) else (None, file))
        data = contents(content)
        if data is None:
            return None
        if name is None and not isinstance(content, (bytes, bytearray, str)):
            name = os.path.basename(str(getattr(content, "name", "") or content))
        told = sorted(rest[1].items()) if len(rest) > 1 and rest[1] else []
        kind = rest[0] if rest else None
        found.append([str(field), _text(name), sha256(data).digest(), _text(kind), [list(pair) for pair in told]])
    return found


def _text(value: object) -> str | None:
    return None if value is None else str(value)
