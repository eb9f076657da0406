"""A Redis server, sentinels or a cluster, where the replies are, asked for what is learnt of questions."""

from __future__ import annotations

import re
import time
from functools import cached_property
from typing import Any

from tokeneff.stores._redis._asking import place_of
from tokeneff.stores._redis._links import Link, until

_PATIENCE = 0.5
"""Seconds that one look may take."""
_OWN = re.compile(r"(?<=[?&])max_size=[^&]*&?")


class Server:
    """Where a store of replies is.

    Args:
        url: the store's.

    Raises:
        StoreError: it cannot be read, or the extra ``redis`` is missing.
    """

    def __init__(self, url: str) -> None:
        self._at = place_of(_OWN.sub("", url).rstrip("?&"))
        self.key = f"{self._at.prefix}:semantic"
        """What keys begin with."""

    @cached_property
    def _link(self) -> Link:
        return Link(self._at)

    def ask(self, *command: Any) -> Any:
        """One command."""
        until(time.monotonic() + _PATIENCE)
        return self._link.client.execute_command(*command)
