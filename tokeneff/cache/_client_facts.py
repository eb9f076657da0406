"""What of a client's class, or beneath it, is not the SDK's own and may change what leaves."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from tokeneff.cache._headers import names
from tokeneff.cache._objects import is_plain, of_sdk

CREDENTIALS = names(
    "api_key admin_api_key auth_token access_token credentials workload_identity _azure_ad_token "
    "_azure_ad_token_provider _api_key_provider _provider _bedrock_provider _bedrock_state _bedrock_token_provider "
    "_creds_state _token_provider _skip_auth skip_auth aws_access_key aws_secret_key aws_session_token "
    "aws_profile"
)
"""Attributes that hold credentials, or choose them."""
_PROPERTIES = names(
    "api_key admin_api_key auth_token organization project base_url default_headers default_query auth_headers "
    "_custom_headers _custom_query"
)
_HOOKS = names(
    "_prepare_options _prepare_request _prepare_url _build_request _build_headers _auth_headers _auth_query "
    "_custom_auth custom_auth _refresh_api_key"
)


_SENDING = names(
    "send build_request request stream _send_handling_auth _send_handling_redirects _send_single_request "
    "_transport_for_url _merge_headers"
)
_HTTP = names("httpx httpx2 httpx_aiohttp openai anthropic")
"""Packages whose classes send what they are given."""


class _Ambient:
    """Credentials that are found in this process's surroundings at the first call."""


AMBIENT = _Ambient()


class Facts(NamedTuple):
    name: str
    """The SDK's own class, the same for blocking and awaiting clients."""
    properties: tuple[str, ...]
    """Those that are not the SDK's own, and may say something else each time."""
    hooks: tuple[Any, ...]
    """Functions that are not the SDK's own, and may change what leaves."""


@lru_cache(maxsize=512)
def facts_of(kind: type) -> Facts:
    classes = [base for base in kind.__mro__ if "__tokeneff_base__" not in vars(base)]
    name = next((base.__name__ for base in classes if of_sdk(base)), kind.__name__)
    found: dict[str, Any] = {}
    for wanted in _PROPERTIES | _HOOKS:
        member = next((vars(base)[wanted] for base in classes if wanted in vars(base)), None)
        if member is not None and not is_plain(member) and not _is_sdks(member):
            found[wanted] = member
    properties = tuple(name for name in sorted(_PROPERTIES) if name in found)
    return Facts(name.removeprefix("Async"), properties, tuple(found[name] for name in sorted(_HOOKS) if name in found))


def _is_sdks(member: Any) -> bool:
    """Whether a member of a class was written in a module of the SDK: the client that ``openai`` itself is was not."""
    function = getattr(member, "fget", None) or getattr(member, "func", None) or member
    root, dot, _ = str(getattr(function, "__globals__", {}).get("__name__", "")).partition(".")
    return root in ("openai", "anthropic") and bool(dot)


def hidden_in(http: Any, attributes: dict[str, Any]) -> list[Any]:
    """What may add to a request, or chooses its credentials, out of our sight."""
    found: list[Any] = []
    if http.auth is not None:
        found.append(http.auth)
    if not _sends_as_given(http.__class__):
        found.append(http)
    carriers = [one for one in (http._transport, *http._mounts.values()) if one is not None]
    found += [one for one in carriers if not _carries(one.__class__)]
    found += [hook for hook in http.event_hooks.get("request", ()) if not of_sdk(hook)]
    given = {name for name in CREDENTIALS if attributes.get(name)}
    signs = "aws_secret_key" in attributes and not given & {"api_key", "skip_auth", "_skip_auth"}
    if signs and not {"aws_access_key", "aws_secret_key"} <= given:
        found.append(AMBIENT)
    if "access_token" in attributes and "access_token" not in given:
        found.append(AMBIENT)
    return found


@lru_cache(maxsize=512)
def _sends_as_given(kind: type) -> bool:
    """Whether an HTTP client is of classes that are known, where it comes to sending."""
    return all(_root(base) in _HTTP or _SENDING.isdisjoint(vars(base)) for base in kind.__mro__)


@lru_cache(maxsize=512)
def _carries(kind: type) -> bool:
    """Whether a transport sends a request as it is: one of somebody's own may sign it."""
    return _root(kind) in _HTTP and kind.__name__.endswith(("HTTPTransport", "AiohttpTransport"))


def _root(kind: type) -> str:
    return kind.__module__.partition(".")[0]
