"""``wrap()`` and ``unwrap()``: a copy of a client, of a subclass of its own class, and the way back."""

from __future__ import annotations

import copy
from typing import Any, TypeVar, cast

from tokeneff._client import bare_class, is_wrapped, wrapped_class
from tokeneff._duplicates import forget_patches
from tokeneff._settings import KEY, Settings, settings_of
from tokeneff.adapters import Family, family_of, known_sdks
from tokeneff.errors import UnsupportedClient

C = TypeVar("C")


def wrap_client(client: C, arguments: dict[str, Any]) -> C:
    """See :func:`tokeneff.wrap`, which this is once its arguments are gathered."""
    if isinstance(client, type):
        raise UnsupportedClient(f"wrap() takes a client, not a class: write wrap({client.__name__}(…))")
    base = bare_class(type(client))
    family = find_family(base)
    if is_wrapped(client):
        if not arguments:
            return client
        settings = settings_of(client).changed(**arguments)
    else:
        settings = Settings(**arguments)
    return cast("C", clone(client, wrapped_class(base, family), settings))


def unwrap_client(client: C) -> C:
    """See :func:`tokeneff.unwrap`."""
    if not is_wrapped(client):
        return client
    return cast("C", clone(client, bare_class(type(client)), None))


def find_family(kind: Any) -> Family:
    """The family of a client class, or the error that says what can be wrapped."""
    family = family_of(kind)
    if family is not None and callable(getattr(kind, "copy", None)):
        return family
    name = f"{kind.__module__}.{kind.__qualname__}"
    hint = ""
    if kind.__name__ == "module":
        hint = " To observe clients that a module builds for itself, call tokeneff.install()."
    elif ".resources." in kind.__module__:
        hint = " It is a part of a client: wrap the client itself, and take the part from what wrap() returns."
    elif kind.__module__.partition(".")[0] in ("httpx", "httpx2", "requests", "aiohttp"):
        hint = " It is an HTTP client: pass it as http_client= to the SDK's client, and wrap that."
    raise UnsupportedClient(
        f"wrap() cannot wrap a {name}. It takes the clients of {' and '.join(known_sdks())}: OpenAI, AsyncOpenAI, "
        f"AzureOpenAI, Anthropic, AsyncAnthropic, their Bedrock, Vertex and Foundry variants, and subclasses of them."
        f"{hint}"
    )


def clone(client: Any, kind: Any, settings: Settings | None) -> Any:
    """A new object of class ``kind`` with the state of ``client``, and with its resources bound to the new one."""
    new: Any = object.__new__(kind)
    state: dict[str, Any] = dict(client.__dict__)
    state.pop(KEY, None)
    forget_patches(state)
    resources = [key for key, value in state.items() if getattr(value, "_client", None) is client]
    held = {key: state.pop(key) for key in resources}
    if settings is not None:
        state[KEY] = settings
    new.__dict__.update(state)
    for key, value in held.items():
        if not _is_computed(kind, key):
            new.__dict__[key] = _rebound(value, new)
    if state.get("_middleware_chain") is not None:
        new._middleware_chain = new._build_middleware_chain()
    return new


def _is_computed(kind: type, key: str) -> bool:
    """Whether the class makes this attribute itself when it is next asked for."""
    return any(key in base.__dict__ for base in kind.__mro__)


def _rebound(resource: Any, client: Any) -> Any:
    """The same kind of resource on another client."""
    try:
        return type(resource)(client)
    except TypeError:
        twin = copy.copy(resource)
        twin._client = client
        return twin
