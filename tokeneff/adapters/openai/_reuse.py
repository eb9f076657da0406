"""Messages that were sent before are not transformed again.

Before each request the SDK walks every message along its type annotations, to rename fields and format dates and
files (``openai/_utils/_transform.py``): for a long history most of what the client costs, and for plain JSON nothing
but a copy. So the wrapped client keeps what the SDK made of each message, under a digest of exactly that message, and
has what it made carried past the SDK's walk; ``request()`` puts it into the body.

Only where nothing else can notice: the messages are plain JSON, and the way from ``create`` to ``request`` is the
SDK's own. Else, and with ``remember_messages=False``, the call goes the SDK's way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from tokeneff.adapters.openai._carrying import Carrier

if TYPE_CHECKING:
    from tokeneff._memory import Memory

_PLACES: dict[str, tuple[tuple[str, ...], ...]] = {
    # resource of the client -> (path to the resource that has `create`, arguments that may be long)
    "chat": (("completions",), ("messages", "tools")),
    "responses": ((), ("input", "tools")),
}


def reuse_namespace(base: Any) -> Mapping[str, Any]:
    """Members for the generated client class: resources that remember."""
    members: dict[str, Any] = {}
    for name, (path, arguments) in _PLACES.items():
        original = inspect.getattr_static(base, name, None)
        if isinstance(original, cached_property):
            members[name] = _remembering(cast("Any", original), name, path, arguments)
    return members


def _remembering(original: Any, name: str, path: tuple[str, ...], arguments: tuple[str, ...]) -> cached_property[Any]:
    def resource(self: Any) -> Any:
        made = original.func(self)
        return _turn(made, path, arguments)

    resource.__name__, resource.__doc__ = name, original.__doc__
    found = cached_property(resource)
    found.__set_name__(object, name)
    return found


_classes: dict[type, type] = {}


def _turn(resource: Any, path: tuple[str, ...], arguments: tuple[str, ...]) -> Any:
    """Give a resource, or the one below it, the class whose ``create`` remembers, if it is the SDK's own."""
    kind: Any = cast("Any", type(resource))
    if kind.__module__.partition(".")[0] == "openai":
        if kind not in _classes:
            _classes[kind] = _generate(kind, path, arguments)
        resource.__class__ = _classes[kind]
    return resource


def _generate(kind: Any, path: tuple[str, ...], arguments: tuple[str, ...]) -> type:
    members = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    if path:
        original = inspect.getattr_static(kind, path[0])
        members[path[0]] = _remembering(original, path[0], path[1:], arguments)
    elif _is_sdks(kind.create):
        members["create"] = _creating(kind, arguments)
    return type(kind.__name__, (kind,), members)


def _creating(kind: Any, arguments: tuple[str, ...]) -> Callable[..., Any]:
    from tokeneff._settings import memory_of

    known = kind.create
    carrier = Carrier(known, arguments)

    def prepared(self: Any, given: dict[str, Any]) -> dict[str, Any]:
        if kind.create is known and _way_is_clear(self):
            memory = memory_of(self._client)
            if memory is not None:
                return carrier.arguments(given, _made_ready(memory, given, arguments))
        return given

    if inspect.iscoroutinefunction(known):

        @wraps(known)
        async def create(self: Any, *positional: Any, **given: Any) -> Any:
            return await kind.create(self, *positional, **prepared(self, given))

        return create

    @wraps(known)
    def create_(self: Any, *positional: Any, **given: Any) -> Any:
        return kind.create(self, *positional, **prepared(self, given))

    return create_


def _is_sdks(function: Any) -> bool:
    """Whether a function, and all that it wraps, is defined in the SDK."""
    while True:
        if type(function) is not FunctionType or not function.__globals__.get("__name__", "").startswith("openai."):
            return False
        inner = getattr(function, "__wrapped__", None)
        if inner is None:
            return True
        function = inner


def _way_is_clear(resource: Any) -> bool:
    """Whether nothing between ``create`` and our ``request`` is somebody else's, who would meet a stand-in."""
    post = resource._post
    function = getattr(post, "__func__", None)
    return (
        function is not None
        and post.__self__ is resource._client
        and type(function) is FunctionType
        and function.__globals__.get("__name__") == "openai._base_client"
    )


def _made_ready(memory: Memory, given: dict[str, Any], arguments: tuple[str, ...]) -> dict[str, list[Any]]:
    """What the SDK makes of these arguments, where that is known or may be remembered."""
    ready: dict[str, list[Any]] = {}
    for name in arguments:
        items = given.get(name)
        if type(items) is list and items:
            transform = _transform(arguments[0], name)
            made = memory.transformed(cast("list[Any]", items), f"{arguments[0]}.{name}", transform)
            if made is not None:
                ready[name] = made
    return ready


def _transform(endpoint: str, name: str) -> Callable[[list[Any]], list[Any]]:
    """The SDK's own transform of one argument of ``chat.completions.create`` or ``responses.create``."""

    def transform(items: list[Any]) -> list[Any]:
        from openai._utils import maybe_transform

        if endpoint == "messages":
            from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as Params
        else:
            from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming as Params
        return cast("dict[str, list[Any]]", maybe_transform({name: items}, Params))[name]

    return transform
