"""Which hosts are known to understand what: anything else is sent nothing that its caller did not write."""

from __future__ import annotations

from typing import NamedTuple

from tokeneff.adapters._hosts import Site


class Means(NamedTuple):
    """What can be added to requests to a host."""

    marks: bool = False
    """Anthropic's ``cache_control``."""
    hours: bool = False
    """The same for an hour."""
    key: bool = False
    """OpenAI's ``prompt_cache_key``, and breakpoints where the model has them."""


_NOTHING = Means()


def means_of(family: str, site: Site) -> Means:
    """What this site understands.

    Anthropic's own API, and Claude on Bedrock and on Vertex through Anthropic's SDK ("Prompt caching" in the guides of
    all three; an hour is asked for only at Anthropic's own); OpenAI's own API. Gateways and look-alikes may refuse a
    field that they do not know, or pass it on to a model that has none.
    """
    host = site.host.lower()
    if family == "anthropic":
        if host == "api.anthropic.com":
            return Means(marks=True, hours=True)
        bedrock = host.startswith("bedrock") and host.endswith(".amazonaws.com")
        vertex = host.endswith("aiplatform.googleapis.com") or host == "aiplatform.us.rep.googleapis.com"
        return Means(marks=bedrock or vertex)
    if family == "openai" and (host == "api.openai.com" or host.endswith(".api.openai.com")):
        return Means(key=True)
    return _NOTHING
