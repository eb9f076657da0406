"""A kept reply as bytes, and back: compressed, checked, and, with keys, sealed.

A value is a head (magic, version of the format, flags, plain size), what proves it, and what it holds. That is a
checksum over head, cache key and content; or, with keys, the number of the key, a nonce, and AES-256-GCM over the same.
So a value that was damaged, cut, made by another version or program, or moved under another cache key, is none.

The content is the reply's facts as JSON, and its body; deflated where that pays. Deflate, for every Python can read it:
processes of one fleet share their values, whichever version and extras each has. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Sequence
from hashlib import blake2b

from tokeneff.cache._codec_facts import facts_of, reply_of
from tokeneff.cache._codec_keys import Ciphers
from tokeneff.cache._reply import Reply

VERSION = 1
"""Of the format. Values of any other are none."""
LIMIT = 256 * 1024 * 1024
"""Bytes that a value may inflate to. What is longer is kept as it is."""

_MAGIC = b"tknr"
_HEAD = struct.Struct("!4sBBQ")
_LENGTH = struct.Struct("!I")
_PROOF = 16
"""Bytes of the checksum, or of a key's number and the nonce."""
_DEFLATED, _SEALED = 1, 2
_SHORTEST = 512
"""Bytes from which on deflating may pay."""
_LEVEL = 1
"""Streams of events shrink to a twentieth at any level; this one takes less than half of the usual time."""


class Codec:
    """Turns replies into values of a cache's store, and back.

    >>> codec = Codec()
    >>> value = codec.pack(bytes(32), Reply("json", (), b'{"id": "chatcmpl-1"}'))
    >>> codec.unpack(bytes(32), value).body
    b'{"id": "chatcmpl-1"}'
    >>> codec.unpack(b"1" * 32, value)   # somebody else's

    Args:
        keys: each 32 bytes as base64. Values are sealed by the first, and read by any; those that are not sealed are
            not read. To change keys, put the new one in front, and leave the old one out when what it sealed is past
            its time. One key is good for four billion values (NIST SP 800-38D, 8.3: nonces of 96 random bits).
        limit: bytes that a value may inflate to.

    Raises:
        StoreError: a key is not 32 bytes as base64, or the extra ``encryption`` is missing.
    """

    def __init__(self, keys: Sequence[str] = (), *, limit: int = LIMIT) -> None:
        self._ciphers = Ciphers(keys)
        self._limit = limit

    @property
    def sealing(self) -> bool:
        """Whether values are sealed, and not only checked."""
        return bool(self._ciphers)

    def __repr__(self) -> str:
        return f"Codec({len(self._ciphers)} keys)"

    def pack(self, key: bytes, reply: Reply) -> bytes:
        """The value to keep under ``key``."""
        facts = json.dumps(facts_of(reply), separators=(",", ":")).encode()
        plain = b"".join((_LENGTH.pack(len(facts)), facts, reply.body))
        content, flags = plain, 0
        if _SHORTEST <= len(plain) <= self._limit:
            shorter = zlib.compress(plain, _LEVEL)
            if len(shorter) < len(plain) * 9 // 10:
                content, flags = shorter, _DEFLATED
        if not self._ciphers:
            head = _HEAD.pack(_MAGIC, VERSION, flags, len(plain))
            return b"".join((head, _checksum(key, head, content), content))
        head = _HEAD.pack(_MAGIC, VERSION, flags | _SEALED, len(plain))
        number, cipher = self._ciphers.first
        nonce = os.urandom(_PROOF - len(number))
        return b"".join((head, number, nonce, cipher.encrypt(nonce, content, head + number + key)))

    def unpack(self, key: bytes, value: bytes) -> Reply | None:
        """The reply that was packed for ``key``; ``None`` where this is no such value, whatever it is. Never raises."""
        try:
            plain = self._plain(key, value)
            if plain is None:
                return None
            (length,) = _LENGTH.unpack_from(plain)
            begins = _LENGTH.size + length
            if begins > len(plain):
                return None
            return reply_of(json.loads(plain[_LENGTH.size : begins]), plain[begins:])
        except Exception:  # noqa: BLE001 - whatever it is, it is no value
            return None

    def _plain(self, key: bytes, value: bytes) -> bytes | None:
        magic, version, flags, size = _HEAD.unpack_from(value)
        sealed = bool(self._ciphers)
        if magic != _MAGIC or version != VERSION or flags & ~_DEFLATED != (_SEALED if sealed else 0):
            return None
        begins = _HEAD.size + _PROOF
        head, proof, content = value[: _HEAD.size], value[_HEAD.size : begins], value[begins:]
        if sealed:
            opened = self._ciphers.opened(proof, content, head, key)
            if opened is None:
                return None
            content = opened
        elif proof != _checksum(key, head, content):
            return None
        if flags & _DEFLATED:
            return _inflated(content, size) if size <= self._limit else None
        return content if len(content) == size else None


def _checksum(key: bytes, head: bytes, content: bytes) -> bytes:
    made = blake2b(head, digest_size=_PROOF, key=key[: blake2b.MAX_KEY_SIZE])
    made.update(content)
    return made.digest()


def _inflated(content: bytes, size: int) -> bytes | None:
    """Exactly ``size`` bytes, and never more of them in memory, whatever the content would inflate to."""
    stream = zlib.decompressobj()
    plain = stream.decompress(content, size + 1)
    return plain if len(plain) == size and stream.eof and not stream.unused_data else None
