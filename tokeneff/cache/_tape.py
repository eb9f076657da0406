"""A reply as it comes, for those who wait for the same one, and to be kept when it is whole."""

from __future__ import annotations


class Tape:
    """Being built: see the brief."""
