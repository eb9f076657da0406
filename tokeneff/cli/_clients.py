"""The real SDK clients that commands call through."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tokeneff._arguments import split_body
from tokeneff.cli._output import UsageError

__all__ = ["MissingSDKError", "import_sdk", "loopback_client", "split_body"]


class MissingSDKError(UsageError):
    """An SDK that a command needs is not installed."""


def loopback_client(dialect: str, url: str, *, asynchronous: bool = False) -> Any:
    """Return the real SDK's client for a provider on loopback, untouched by proxies and keys of the environment."""
    sdk = import_sdk(dialect)
    name = "Anthropic" if dialect == "anthropic" else "OpenAI"
    prefix = "Async" if asynchronous else ""
    # Anthropic's own http client takes proxies from the environment whatever it is told; a closer mount wins.
    direct: dict[str, Any] = {"trust_env": False, "mounts": {"all://127.0.0.1": None}}
    http = getattr(sdk, f"Default{prefix}HttpxClient")(**direct)
    return getattr(sdk, prefix + name)(base_url=url, api_key="none", http_client=http, timeout=60.0)


def import_sdk(name: str) -> Any:
    """Return the SDK's module; raises `MissingSDKError` saying which extra installs it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingSDKError(f"the {name} SDK is not installed: pip install 'tokeneff[{name}]'") from error
