"""Whose prices apply at an endpoint: what is known from the provider's name and the host's."""

from __future__ import annotations

import ipaddress
from typing import Literal, NamedTuple

Kind = Literal["known", "elsewhere", "local", "self_hosted"]

# `gen_ai.provider.name` to the price list's name of the provider.
_LISTS = {
    "openai": "openai",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "anthropic": "anthropic",
    "aws.bedrock": "aws",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "groq": "groq",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "perplexity": "perplexity",
    "x_ai": "x-ai",
    "openrouter": "openrouter",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "cerebras": "cerebras",
    "z_ai": "zai",
}
# These are what an SDK's client is called where its host tells nothing: only the vendor's own host proves them.
_OWN = {"openai": "openai.com", "anthropic": "anthropic.com"}
_SELF_HOSTED = frozenset({"ollama", "lm_studio", "vllm", "llama_cpp"})
_LOCAL_NAMES = (".local", ".internal", ".lan", ".localhost", ".svc", ".home.arpa")


class Place(NamedTuple):
    """Where a call went."""

    kind: Kind
    listing: str | None
    """The price list's name of the provider."""


def place_of(provider: str, host: str) -> Place:
    """The place for ``gen_ai.provider.name`` and the endpoint's host name (``""``: not known)."""
    name = hostname(host)
    if provider in _SELF_HOSTED:
        return Place("self_hosted", None)
    own = _OWN.get(provider)
    if own is None or not name or name == own or name.endswith("." + own):
        listing = _LISTS.get(provider)
        if listing is not None:
            return Place("known", listing)
        return Place("local" if name and is_local(name) else "elsewhere", provider or None)
    return Place("local" if is_local(name) else "elsewhere", None)


def hostname(host: str) -> str:
    """The host without its port."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def is_local(name: str) -> bool:
    """Whether this is a host on this machine or a private network."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(_LOCAL_NAMES)
    return address.is_private or address.is_loopback or address.is_link_local
