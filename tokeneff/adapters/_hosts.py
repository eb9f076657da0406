"""Whose endpoint a client talks to, from its base URL.

Names as in ``gen_ai.provider.name`` of the GenAI conventions; hosts that the conventions have no name for keep a name
of their own in the same style.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, cast

_SUFFIXES: tuple[tuple[str, str], ...] = (
    ("api.openai.com", "openai"),
    (".api.openai.com", "openai"),
    (".openai.azure.com", "azure.ai.openai"),
    (".openai.azure.us", "azure.ai.openai"),
    (".cognitiveservices.azure.com", "azure.ai.openai"),
    (".services.ai.azure.com", "azure.ai.inference"),
    (".models.ai.azure.com", "azure.ai.inference"),
    ("models.inference.ai.azure.com", "azure.ai.inference"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("api.deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.moonshot.cn", "moonshot_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.x.ai", "x_ai"),
    (".ml.cloud.ibm.com", "ibm.watsonx.ai"),
    ("openrouter.ai", "openrouter"),
    ("api.together.xyz", "together_ai"),
    ("api.together.ai", "together_ai"),
    ("api.fireworks.ai", "fireworks_ai"),
    ("api.cerebras.ai", "cerebras"),
    ("api.sambanova.ai", "sambanova"),
    ("api.deepinfra.com", "deepinfra"),
    ("router.huggingface.co", "huggingface"),
    ("integrate.api.nvidia.com", "nvidia"),
    ("dashscope.aliyuncs.com", "alibaba_cloud"),
    ("dashscope-intl.aliyuncs.com", "alibaba_cloud"),
    ("api.z.ai", "z_ai"),
)
# Ollama, vLLM, LM Studio and llama.cpp are told by the ports that they listen on by default, on this machine only.
_PORTS = {11434: "ollama", 1234: "lm_studio"}
_LOCAL = ("localhost", "127.0.0.1", "::1", "host.docker.internal")
_CLASSES: tuple[tuple[str, str], ...] = (
    ("Azure", "azure.ai.openai"),
    ("Bedrock", "aws.bedrock"),
    ("Vertex", "gcp.vertex_ai"),
    ("GoogleCloud", "gcp.vertex_ai"),
)


class Site(NamedTuple):
    """Where a client's calls go."""

    provider: str
    """``gen_ai.provider.name``."""
    host: str
    port: int
    endpoint: str
    """Host name, with the port if it is not the scheme's own."""


_MOST = 500
_sites: dict[tuple[int, type], tuple[Any, Site]] = {}
"""By a base URL's identity, which says more quickly than its text that it is the same; the URL itself is held."""
_direct: dict[type, bool] = {}


def site_of(client: Any, default: str) -> Site:
    """Where this client's calls go.

    Args:
        default: the provider's name where neither class nor host tell one.
    """
    kind = cast("type[Any]", type(client))
    direct = _direct.get(kind)
    if direct is None:
        direct = _is_direct(client, kind)
    url = client._base_url if direct else client.base_url
    known = _sites.get((id(url), kind))
    if known is not None and known[0] is url:
        return known[1]
    host, port = url.host, url.port
    named = host if port is None else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    site = Site(provider_of(url, kind, default), host, port or (80 if url.scheme == "http" else 443), named)
    if len(_sites) >= _MOST:
        _sites.clear()
    _sites[id(url), kind] = (url, site)
    return site


def _is_direct(client: Any, kind: type) -> bool:
    """Whether ``base_url`` of this class is the SDK's own, which gives ``_base_url``: some lines take long for that."""
    home = next((base.__module__ for base in kind.__mro__ if "base_url" in vars(base)), "")
    found = home.partition(".")[0] in ("openai", "anthropic") and client.__dict__.get("_base_url") is client.base_url
    if len(_direct) >= _MOST:
        _direct.clear()
    _direct[kind] = found
    return found


def provider_of(url: Any, kind: Any, default: str) -> str:
    """The provider's name for a client of class ``kind`` whose base URL is ``url``."""
    named = _by_class(kind)
    if named is not None:
        return named
    return _by_host(str(url.host).lower(), url.port, default)


@lru_cache(maxsize=512)
def _by_class(kind: type) -> str | None:
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] in ("openai", "anthropic"):
            for mark, name in _CLASSES:
                if mark in base.__name__:
                    return name
    return None


@lru_cache(maxsize=512)
def _by_host(host: str, port: int | None, default: str) -> str:
    for suffix, name in _SUFFIXES:
        if host == suffix or host.endswith(suffix if suffix.startswith(".") else "." + suffix):
            return name
    if host.startswith("bedrock") and host.endswith(".amazonaws.com"):
        return "aws.bedrock"
    if host.endswith("-aiplatform.googleapis.com"):
        return "gcp.vertex_ai"
    if host in _LOCAL and port in _PORTS:
        return _PORTS[port]
    return default
