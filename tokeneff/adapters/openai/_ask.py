"""Which hosts are known to take ``stream_options.include_usage``, and to say usage in a chunk of its own.

Asking a host that does not know the option can fail the call, so only these are asked. Left out on purpose: hosts
that say usage unasked (Groq, Mistral, xAI, OpenRouter, Fireworks, Together), for there is nothing to ask for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tokeneff.adapters._hosts import site_of

_HOSTS = ("api.openai.com", "api.deepseek.com", "dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com")
_AZURE = (".openai.azure.com", ".openai.azure.us", ".cognitiveservices.azure.com")
_AZURE_SINCE = "2024-09-01"
"""The first Azure API version that takes the option (Azure OpenAI API reference, 2024-09-01-preview)."""


def knows_usage_option(client: Any) -> bool:
    """Whether this client's host takes the option."""
    version = getattr(client, "_api_version", None)
    return _known(site_of(client, "openai").host.lower(), version if isinstance(version, str) else "")


@lru_cache(maxsize=512)
def _known(host: str, version: str) -> bool:
    if host in _HOSTS or host.endswith(".api.openai.com"):
        return True
    # A version is a date, perhaps with "-preview"; the undated "v1", "preview" and "latest" are newer than any date.
    return host.endswith(_AZURE) and (not version[:1].isdigit() or version[:10] >= _AZURE_SINCE)
