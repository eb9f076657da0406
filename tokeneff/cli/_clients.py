"""The real SDK clients that commands call through."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from tokeneff.cli._output import UsageError

# Options of the SDKs' methods, not of the request: a recorded body must not set them.
_NOT_BODY = frozenset({"self", "extra_headers", "extra_query", "extra_body", "timeout"})


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


def split_body(create: Callable[..., Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments that send *body*: what `create` does not know by name goes into `extra_body`."""
    known = set(inspect.signature(create).parameters) - _NOT_BODY
    arguments = {key: value for key, value in body.items() if key in known}
    extra = {key: value for key, value in body.items() if key not in known}
    if extra:
        arguments["extra_body"] = extra
    return arguments
