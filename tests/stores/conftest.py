"""The servers that tests of stores take."""

from __future__ import annotations

from servers import own_server, redis_url, shared_server

__all__ = ["own_server", "redis_url", "shared_server"]
