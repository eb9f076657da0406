"""The keys that values are sealed with."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from tokeneff.errors import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_BYTES = 32
_NUMBER = 4
"""Bytes that tell keys apart, and nothing of the key."""
_MAKE = 'make one with: python -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"'


class Ciphers:
    """One cipher for each key; none at all without keys.

    Args:
        keys: each 32 bytes as base64, of either alphabet.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if isinstance(keys, (str, bytes)) or not isinstance(keys, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise StoreError('keys of a cache are a tuple of texts, as keys=("…",), even where there is one')
        found = [_key(text, place) for place, text in enumerate(keys, 1)]
        self._ciphers = [(_number(key), _cipher(key)) for key in found]
        if len({number for number, _ in self._ciphers}) < len(found):
            raise StoreError("keys of a cache: one is there twice; leave it out")

    def __len__(self) -> int:
        return len(self._ciphers)

    @property
    def first(self) -> tuple[bytes, AESGCM]:
        """The number and the cipher that values are sealed with."""
        return self._ciphers[0]

    def opened(self, proof: bytes, content: bytes, head: bytes, key: bytes) -> bytes | None:
        """What was sealed under this head and cache key; ``None`` where none of the keys did it."""
        from cryptography.exceptions import InvalidTag

        number, nonce = proof[:_NUMBER], proof[_NUMBER:]
        for known, cipher in self._ciphers:
            if known == number:
                try:
                    return cipher.decrypt(nonce, content, head + number + key)
                except InvalidTag:
                    return None
        return None


def _key(text: object, place: int) -> bytes:
    """The text is a secret: nothing of it is in what is raised."""
    found = b""
    if isinstance(text, str):
        try:
            plain = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
            found = b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (binascii.Error, ValueError):
            found = b""
    if len(found) != _BYTES:
        raise StoreError(f"key number {place} of a cache is not {_BYTES} bytes as base64; {_MAKE}")
    return found


def _number(key: bytes) -> bytes:
    return blake2b(b"tokeneff.cache key", digest_size=_NUMBER, key=key).digest()


def _cipher(key: bytes) -> AESGCM:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise StoreError("keys of a cache need cryptography: pip install 'tokeneff[encryption]'") from None
    return AESGCM(key)
