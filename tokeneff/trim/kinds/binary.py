"""Data in base64, told by its size, sort and digest."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from hashlib import sha256

from tokeneff.trim.kinds._kind import Context, Edit, Kind, kept

_DATA = re.compile(
    r"(?<![A-Za-z0-9+/_=-])(?:[A-Za-z0-9+/]{256,}|(?:[A-Za-z0-9+/]{60,76}\r?\n){4,}[A-Za-z0-9+/]*)={0,2}"
)
_CHUNK = re.compile(r"[A-Za-z0-9+/\r\n]{112}")
"""What is to be seen at one of every 128 characters of data: most texts need not be looked at any further."""
_OPAQUE = 2048
"""Characters from which on data of no known sort is taken for noise: shorter ones may be a cursor, a signature or a
token that the model has to hand on."""
_MAGIC = (
    (b"\x89PNG\r\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x7fELF", "application/x-elf"),
    (b"BM", "image/bmp"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"wOF", "font/woff"),
    (b"\xd0\xcf\x11\xe0", "application/x-ole-storage"),
    (b"SQLite format 3", "application/vnd.sqlite3"),
)


def _edit(text: str, context: Context) -> Edit | None:
    if context.verbatim or not any(_CHUNK.match(text, at) for at in range(0, len(text), 128)):
        return None
    short = _DATA.sub(_placeholder, text)
    saved = len(text) - len(short)
    return Edit(short, sure=saved // 6) if saved > 0 else None


def _placeholder(found: re.Match[str]) -> str:
    text = "".join(found[0].split())
    try:
        data = b64decode(text[: len(text) // 4 * 4], validate=True)
    except (Error, ValueError):
        return found[0]
    sort = _sort(data)
    if not sort and (len(text) < _OPAQUE or _reads(data, text)):
        return found[0]
    return f"[base64: {len(data)} bytes, {sort or 'unknown'}, sha256 {sha256(data).hexdigest()[:16]}]"


def _sort(data: bytes) -> str:
    if data[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(data[8:12], "application/x-riff")
    if data[4:8] == b"ftyp":
        return "video/mp4"
    return next((sort for magic, sort in _MAGIC if data.startswith(magic)), "")


def _reads(data: bytes, text: str) -> bool:
    """Whether a reader might make something of it: a text in base64, or no base64 at all but a word, or digits."""
    kinds = (any(map(str.isdigit, text)), any(map(str.isupper, text)), any(map(str.islower, text)))
    if not all(kinds) or len(set(text)) < 40:
        return True
    return sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in data) > len(data) * 0.75


KIND = Kind(
    "binary",
    lossless=True,
    why="No model reads the bytes of a picture or an archive from base64; texts in base64, and short data that may "
    "have to be handed on, stay.",
    edit=_edit,
    undo=kept,
)
