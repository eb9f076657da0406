"""A request taken apart, by dialect; what was read of a message is remembered by its content."""

from tokeneff.trim._reading._taking import history_of

__all__ = ["history_of"]
