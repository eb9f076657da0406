"""From the body of a request to the arguments of the SDK's method that sends it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

# Options of the SDKs' methods, not of the request: a recorded body must not set them.
_NOT_BODY = frozenset({"self", "extra_headers", "extra_query", "extra_body", "timeout"})


def split_body(create: Callable[..., Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments that send *body*: what `create` does not know by name goes into `extra_body`."""
    known = set(inspect.signature(create).parameters) - _NOT_BODY
    arguments = {key: value for key, value in body.items() if key in known}
    extra = {key: value for key, value in body.items() if key not in known}
    if extra:
        arguments["extra_body"] = extra
    return arguments
