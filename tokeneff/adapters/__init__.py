"""What is particular to each SDK: its endpoints, how its replies are read, and how its errors are named.

One module (or package) per SDK, named as the SDK's own top package; that name is the registration. It defines
``FAMILY``, a :class:`Family`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from tokeneff._flow import Call, Ending, Facts, Failure, Tokens

if TYPE_CHECKING:
    from tokeneff.accounts._account import Dialect
    from tokeneff.adapters._hosts import Site
    from tokeneff.adapters._turning import Turning

Attributes = dict[str, Any]


class Reader(Protocol):
    """Reads one reply, whole or event by event, as plain JSON."""

    seen: bool
    """Whether anything of the reply was read."""

    @property
    def terminal(self) -> bool:
        """Whether a stream has said all that it had to say."""
        ...

    def whole(self, data: Mapping[str, Any]) -> None: ...

    def event(self, data: Any) -> Any:
        """Read one event; returns it as the SDK is to see it, or ``SKIP``."""
        ...

    def result(self, call: Call, sent: Mapping[str, Any] | None, ending: Ending) -> tuple[Tokens, Facts]: ...


class Content(Protocol):
    """Messages of a request and of a reply, in the form of the GenAI conventions."""

    def request(self, body: Mapping[str, Any]) -> Attributes:
        """``gen_ai.input.messages``, ``gen_ai.system_instructions`` and ``gen_ai.tool.definitions``, not serialised."""
        ...

    def reply(self, data: Mapping[str, Any]) -> tuple[Any, ...]:
        """``gen_ai.output.messages`` of a whole reply."""
        ...

    def stream(self, events: list[Any]) -> tuple[Any, ...]:
        """``gen_ai.output.messages`` of the events of a stream, which may have ended early."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One kind of call: what the conventions call it, and how its request and reply are read."""

    operation: str
    reader: Callable[[Call], Reader]
    request: Callable[[Mapping[str, Any]], Attributes]
    api_type: str | None = None
    output_type: str | None = None
    model: bool = False
    """Whether it is work of a model, counted in tokens. The rest (files, lists …) gets a span and durations only."""
    content: Content | None = None
    dialect: Dialect | None = None
    """How its request is to be read for what its tokens are."""
    turning: str | None = None
    """The module that turns its replies from a whole into a stream and back, where they come in both shapes."""


def turning_of(endpoint: Endpoint) -> Turning | None:
    """How replies of this endpoint are turned from a whole into a stream and back, if they are."""
    return import_module(endpoint.turning).TURNING if endpoint.turning is not None else None


class Family(Protocol):
    """One SDK."""

    name: str

    def endpoint(self, method: str, path: str, options: Any) -> Endpoint: ...

    def site(self, client: Any) -> Site:
        """The endpoint that this client talks to."""
        ...

    def asks_usage(self, client: Any, path: str, body: Mapping[str, Any]) -> bool:
        """Whether a stream of this request should be asked for usage, which its host is known to understand."""
        ...

    def failure(self, error: BaseException) -> Failure: ...

    def restore(self, options: Any) -> None:
        """Undo, before anything else looks at the options, what the generated class has put into them."""
        ...

    def namespace(self, base: type) -> Mapping[str, Any]:
        """More members for the generated subclass of ``base``."""
        ...


_families: dict[type, Family | None] = {}


def family_of(kind: Any) -> Family | None:
    """The family of a client class, or ``None`` if no adapter knows it."""
    if kind not in _families:
        _families[kind] = _find(kind)
    return _families[kind]


def _find(kind: type) -> Family | None:
    for base in kind.__mro__:
        if base.__name__ not in ("SyncAPIClient", "AsyncAPIClient"):
            continue
        root = base.__module__.partition(".")[0]
        if root.isidentifier() and not root.startswith("_") and find_spec(f"tokeneff.adapters.{root}") is not None:
            return import_module(f"tokeneff.adapters.{root}").FAMILY
    return None


def known_sdks() -> list[str]:
    """The SDKs that there is an adapter for."""
    import pkgutil

    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
