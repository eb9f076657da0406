"""The servers and stores that tests of stores take."""

from __future__ import annotations

from servers import own_server, redis_url, shared_server
from stores_kit import clock, running, store, store_url

__all__ = ["clock", "own_server", "redis_url", "running", "shared_server", "store", "store_url"]
