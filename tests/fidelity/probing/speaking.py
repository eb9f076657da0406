"""The one call that both SDKs have, a chat, for probes of what is not about endpoints."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from probing.lab import Lab

HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]


def place(lab: Lab, client: Any = None) -> Any:
    """``chat.completions`` or ``messages``."""
    client = lab.client if client is None else client
    return client.chat.completions if lab.family == "openai" else client.messages


def asked(lab: Lab, **more: Any) -> dict[str, Any]:
    """The arguments of ``create``."""
    limit = {} if lab.family == "openai" else {"max_tokens": 64}
    return {"model": lab.model, "messages": HELLO, **limit, **more}


def say(lab: Lab, client: Any = None, **more: Any) -> Any:
    """``create``, not yet awaited."""
    return place(lab, client).create(**asked(lab, **more))


def helper(lab: Lab, client: Any = None, **more: Any) -> Any:
    """The stream helper's manager."""
    return place(lab, client).stream(**asked(lab, **more))


def http_of(client: Any) -> Any:
    """The http library that this client sits on."""
    root = next(kind.__module__ for kind in type(client._client).__mro__ if kind.__module__.startswith("httpx"))
    return import_module(root.partition(".")[0])
