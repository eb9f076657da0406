"""From an HTTP method and a path to the endpoint that answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokeneff.adapters import Attributes, Endpoint
from tokeneff.adapters._reading import PlainReader

_REMEMBERED = 2048


class Routes:
    """Endpoints by ``"METHOD /path"``; a part of the path in braces stands for anything but a slash."""

    def __init__(self, table: Mapping[str, Endpoint]) -> None:
        self._exact = {key: endpoint for key, endpoint in table.items() if "{" not in key}
        self._patterns = [(key.split("/"), endpoint) for key, endpoint in table.items() if "{" in key]
        self._others: dict[str, Endpoint] = {}

    def find(self, method: str, path: str) -> Endpoint:
        """The endpoint, or for one that nobody has described, one that is named by its path alone."""
        method = method.upper()
        path = path.partition("?")[0]
        key = f"{method} {path}"
        found = self._exact.get(key)
        if found is not None:
            return found
        parts = key.rstrip("/").split("/")
        for pattern, endpoint in self._patterns:
            if len(pattern) == len(parts) and all(map(_fits, pattern, parts)):
                return endpoint
        return self._other(method, path)

    def _other(self, method: str, path: str) -> Endpoint:
        name = _name(method, path)
        if name not in self._others:
            if len(self._others) >= _REMEMBERED:
                name = f"{method.lower()} other"
            self._others.setdefault(name, Endpoint(name, PlainReader, no_attributes))
        return self._others[name]


def _fits(pattern: str, part: str) -> bool:
    return pattern == part or (pattern.startswith("{") and part != "")


_VERBS = {"GET": "retrieve", "POST": "create", "DELETE": "delete", "PUT": "update", "PATCH": "update"}


def _name(method: str, path: str) -> str:
    """``files.create`` for ``POST /files``, ``files.list`` for ``GET /files``, ``files.retrieve`` for ``GET /files/x``.

    Only words of the API become part of a name, never an id, for a name is a metric dimension.
    """
    words = [part for part in path.strip("/").split("/") if part.isascii() and part.replace("_", "").isalpha()]
    words = [word for word in words if len(word) <= 32 and word.islower() and word != "v1"]
    verb = _VERBS.get(method, method.lower())
    if method == "GET" and words and path.rstrip("/").endswith(words[-1]):
        verb = "list"
    return ".".join([*words[:4], verb])


def no_attributes(body: Mapping[str, Any]) -> Attributes:
    """For a request that has nothing to tell."""
    return {}
