"""A store that may go away, and what its owner chose for that time."""

from tokeneff.stores._guarded._meanwhile import GrantedMeanwhile
from tokeneff.stores._guarded._store import GuardedStore

__all__ = ["GrantedMeanwhile", "GuardedStore"]
