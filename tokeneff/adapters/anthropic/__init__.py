"""The Anthropic SDK: the provider's own endpoint, Bedrock, Vertex and Foundry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokeneff._flow import Failure
from tokeneff.adapters import Endpoint
from tokeneff.adapters._failures import failure_of
from tokeneff.adapters._hosts import Site, site_of
from tokeneff.adapters._routes import Routes
from tokeneff.adapters.anthropic import messages
from tokeneff.adapters.anthropic._native import native_namespace


class AnthropicFamily:
    """Finds the endpoint of a call and names its provider."""

    name = "anthropic"
    _routes = Routes(messages.ENDPOINTS)

    def endpoint(self, method: str, path: str, options: Any) -> Endpoint:
        return self._routes.find(method, path)

    def site(self, client: Any) -> Site:
        return site_of(client, "anthropic")

    def asks_usage(self, client: Any, path: str, body: Mapping[str, Any]) -> bool:
        return False

    def failure(self, error: BaseException) -> Failure:
        return failure_of(error)

    def restore(self, options: Any) -> None:
        pass

    def namespace(self, base: type) -> Mapping[str, Any]:
        return native_namespace(base)


FAMILY = AnthropicFamily()
