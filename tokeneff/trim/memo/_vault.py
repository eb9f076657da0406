"""Texts that something shorter stands for, by a name that only this store's users can know."""

from __future__ import annotations

import os
from hashlib import blake2b

from tokeneff.trim.memo._memo import Memo

_NAME = 16
_OWN = os.urandom(32)
"""In place of a store's secret while that store is away: such names are known in this process alone."""


class Vault:
    """Originals, each kept once.

    >>> from tokeneff.trim.memo._stores import GuardedMemoStore, open_memo_store
    >>> vault = Vault(Memo(GuardedMemoStore(open_memo_store("memory://"))))
    >>> name = vault.keep("a long text")
    >>> vault.fetch(name), vault.fetch("00" * 16)
    ('a long text', None)

    A name is a digest under the store's own secret and the scope: who has a text cannot find out whether somebody else
    kept it, and a name of another scope opens nothing. Nothing here raises.

    Args:
        memo: where they are, sealed by its codec.
        scope: whose they are (a tenant), as text.
    """

    def __init__(self, memo: Memo, scope: str = "") -> None:
        self._memo = memo
        self._scope = blake2b(scope.encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def name_of(self, text: str) -> str:
        """The name under which it would be kept, 32 hexadecimal digits."""
        secret = self._memo.store.secret() or _OWN
        digest = blake2b(self._scope, digest_size=_NAME, key=secret, person=b"tokeneff.vault")
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def keep(self, text: str) -> str:
        """Its name from now on, for as long as it is used."""
        name = self.name_of(text)
        self._memo.add(self._key(bytes.fromhex(name)), text.encode("utf-8", "surrogatepass"))
        return name

    def fetch(self, name: str) -> str | None:
        """The text; ``None`` where there is none of this name, or not any more."""
        try:
            found = self._memo.get(self._key(bytes.fromhex(name)))
            return None if found is None else found.decode("utf-8", "surrogatepass")
        except (ValueError, TypeError):
            return None

    def _key(self, name: bytes) -> bytes:
        return blake2b(self._scope + name, digest_size=32, person=b"tokeneff.kept").digest()
