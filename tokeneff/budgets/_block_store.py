"""Where the accounts of blocks are: in memory, for no longer than their blocks."""

from __future__ import annotations

from tokeneff.stores._contract import Balance
from tokeneff.stores.memory import MemoryStore


class BlockStore(MemoryStore):
    """Accounts in memory that are let go with their blocks."""

    def balance(self, account: str) -> Balance:
        """Where an account stands."""
        with self.guard:
            now = self._begin()
            found = self._accounts.get(account)
            return Balance(account) if found is None else found.balance(now)

    def forget(self, account: str) -> bool:
        """Let an account go, unless something of it is held."""
        with self.guard:
            self._begin()
            found = self._accounts.get(account)
            if found is not None and any(found.held):
                return False
            self._accounts.pop(account, None)
            self._marks.pop(account, None)
            return True


_store = BlockStore("memory://blocks", journal=1000)


def block_store() -> BlockStore:
    """Where the accounts of this process's blocks are."""
    return _store
