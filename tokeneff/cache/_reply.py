"""What is kept of a good reply, and what is told of one that was served from what was kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from tokeneff.cache._recast import Cast

Form: TypeAlias = Literal["json", "sse", "bytes"]
Said: TypeAlias = Literal["hit", "shared", "stale", "semantic", "miss", "refresh", "bypass"]
"""How the cache came into a call: answered from what was kept; by an equal call in flight; by something past its time
that is being renewed; by a like question; not at all, and kept; asked anew, and kept; left out of it."""

_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole good reply, as it came: what any shape of the same call can be answered from.

    Args:
        form: what the body is: one JSON object, server-sent events, or anything else (speech).
        headers: those of the response that say nothing of how it was transported, as (name, value).
        body: its bytes, content-decoded.
        cuts: offsets in ``body`` where each chunk that came ended; empty for a reply that came in one piece.
        times: microseconds from sending to each of these chunks.
        asked: fields of the request that shaped its form and not its answer (``stream_options``).
        worth: what it took to get it.
        casts: what the SDK has made of it, by type.
    """

    form: Form
    headers: tuple[tuple[str, str], ...]
    body: bytes
    cuts: tuple[int, ...] = ()
    times: tuple[int, ...] = ()
    asked: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    worth: Worth = field(default_factory=lambda: Worth())
    casts: dict[Any, Cast] = field(default_factory=dict["Any", "Cast"], init=False, repr=False, compare=False)


class Worth(NamedTuple):
    """What a kept reply took: what is saved each time that it is served."""

    dialect: str | None = None
    """The endpoint's dialect, as of :class:`tokeneff.accounts.Asked`."""
    model: str = ""
    """The model asked for."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: int | None = None
    """Nano-dollars; ``None`` where its price is not known."""
    seconds: float | None = None
    """From sending to its end."""
    estimated: bool = False
    """Whether the tokens are our count, and not the provider's."""


class Served(NamedTuple):
    """What the cache did about one call; ``None`` in its place where the call is none of the cache's business."""

    said: Said
    why: str = ""
    """For a call that was left out, or whose reply was not kept: why, in a few words of low cardinality."""
    key: str = ""
    """The beginning of the key, as shown by ``tokeneff cache ls``."""
    age: float | None = None
    """Seconds since the reply was kept."""
    saved: Worth | None = None
    """What was saved, for a call that was answered without a provider."""
