"""The OpenAI SDK, and every endpoint that speaks its dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokeneff._flow import Failure
from tokeneff.adapters import Endpoint
from tokeneff.adapters._failures import failure_of
from tokeneff.adapters._hosts import Site, site_of
from tokeneff.adapters._routes import Routes
from tokeneff.adapters.openai import chat, others, responses
from tokeneff.adapters.openai._ask import knows_usage_option
from tokeneff.adapters.openai._carrying import restore
from tokeneff.adapters.openai._reuse import reuse_namespace


class OpenAIFamily:
    """Finds the endpoint of a call and names its provider."""

    name = "openai"
    _routes = Routes(chat.ENDPOINTS | responses.ENDPOINTS | others.ENDPOINTS)

    def endpoint(self, method: str, path: str, options: Any) -> Endpoint:
        return self._routes.find(method, path)

    def site(self, client: Any) -> Site:
        return site_of(client, "openai")

    def asks_usage(self, client: Any, path: str, body: Mapping[str, Any]) -> bool:
        if path not in ("/chat/completions", "/completions") or "stream_options" in body:
            return False
        return knows_usage_option(client)

    def failure(self, error: BaseException) -> Failure:
        return failure_of(error)

    def restore(self, options: Any) -> None:
        restore(options)

    def namespace(self, base: type) -> Mapping[str, Any]:
        return reuse_namespace(base)


FAMILY = OpenAIFamily()
