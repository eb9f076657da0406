"""What is known of a call: how it was asked, how it ended, what it used, and what its budgets said.

Values only, from the standard library alone; :mod:`tokeneff._flow`, from where the rest of the house takes them, says
how a call travels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from tokeneff._done import Guard, Managed, Placed, Preset, Shaped, Trimming

if TYPE_CHECKING:
    from tokeneff.accounts import Account
    from tokeneff.adapters import Endpoint, Family
    from tokeneff.cache._reply import Served
    from tokeneff.cache._tape import Tape

Ending: TypeAlias = Literal["read", "broken_off", "dropped", "cancelled", "failed", "refused"]
Source: TypeAlias = Literal["provider", "estimated", "unknown"]


class Call(NamedTuple):
    """One call by the user, as the SDK hands it over, above the SDK's own retries."""

    client: Any
    family: Family
    endpoint: Endpoint
    cast_to: Any
    options: Any
    stream: bool
    stream_cls: Any
    raw: str | None
    """``None`` for a parsed reply, else the mode of ``with_raw_response`` / ``with_streaming_response``."""
    tags: Mapping[str, Any]
    method: Callable[..., Any]
    """The SDK's own ``request``, bound to the client."""
    scope: Any = None
    """The OpenTelemetry context to be active while the call is sent."""
    ask_usage: bool = False
    """Whether the stream is asked for a usage chunk that the caller does not get to see."""
    capture: bool = False
    """Whether somebody wants the messages themselves."""
    begun: Callable[[Any], None] | None = None
    """Told, as the call is being sent, what will fill with the reply (its ``Exchange``)."""
    tape: Tape | None = None
    """What the reply is put on as it comes, for those who wait for it and for the cache."""
    preset: Preset | None = None
    """What was set in its body that the caller had left open."""

    @property
    def body(self) -> Mapping[str, Any]:
        """The JSON body as the SDK got it, or an empty mapping."""
        data = self.options.json_data
        return data if type(data) is dict or isinstance(data, Mapping) else {}  # pyright: ignore[reportUnknownVariableType]

    def with_(self, **changes: Any) -> Call:
        """A copy of this call with some fields changed."""
        return self._replace(**changes)


class Tokens(NamedTuple):
    """Token counts of one reply. ``input_tokens`` and ``output_tokens`` are totals; the rest are parts of them."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    text_input: int | None = None
    image_input: int | None = None
    audio_input: int | None = None
    text_output: int | None = None
    image_output: int | None = None
    audio_output: int | None = None
    text_cache_read: int | None = None
    image_cache_read: int | None = None
    audio_cache_read: int | None = None
    cache_write_1h: int | None = None
    """The part of ``cache_write`` that was written to be kept for an hour."""
    input_source: Source = "provider"
    output_source: Source = "provider"

    @property
    def source(self) -> Source:
        """The weaker of the two sources: where the counts came from, said without flattery."""
        sources = (self.input_source, self.output_source)
        if "estimated" in sources:
            return "estimated"
        return "unknown" if "unknown" in sources else "provider"


UNKNOWN = Tokens(input_source="unknown", output_source="unknown")


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, without the exception: a kept traceback would keep the caller's dropped stream alive."""

    type: str
    """A name of low cardinality for ``error.type``: the provider's code, else the exception's full class name."""
    message: str = ""
    status: int | None = None
    cause: str = ""
    """The class name of what it was raised from, as ``ConnectError``; empty where that is nothing."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try that failed and was sent again by the SDK."""

    at: int
    """When it failed, in nanoseconds since the epoch."""
    error: str
    status: int | None = None
    delay: float | None = None
    """Seconds that the SDK waited before the next try."""


class Written(NamedTuple):
    """What a reply consists of, for telling its tokens apart."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[tuple[str, str], ...] = ()
    """Name and arguments (JSON text) of each."""


class Facts(NamedTuple):
    """What the reply said of itself."""

    id: str | None = None
    model: str | None = None
    finish_reasons: tuple[str, ...] = ()
    service_tier: str | None = None
    fingerprint: str | None = None
    conversation: str | None = None
    output: tuple[Any, ...] | None = None
    """Messages in the conventions' form; only when content is captured."""
    written: Written | None = None
    """What was read of the reply."""
    managed: Managed | None = None
    """What the provider left out of the history, if it says so."""


class Outcome(NamedTuple):
    """How a call ended. Times are seconds of ``time.perf_counter``."""

    ending: Ending
    started: float
    ended: float
    tokens: Tokens = UNKNOWN
    facts: Facts = Facts()
    failure: Failure | None = None
    attempts: tuple[Attempt, ...] = ()
    first_chunk: float | None = None
    last_chunk: float | None = None
    chunks: int = 0
    status: int | None = None
    sent: Mapping[str, Any] | None = None
    """The JSON body as it left, where the SDK prepared one."""
    account: Account | None = None
    """What its tokens were and cost, where accounts are kept."""
    guard: Guard | None = None
    """What its budgets said, where it had any."""
    served: Served | None = None
    """What the cache did about it, where there is one."""
    placed: Placed | None = None
    """What was added for the provider's prompt cache, if anything was."""
    trimmed: Trimming | None = None
    """What was left out of it, if anything was."""
    output: Shaped | None = None
    """What was done about its output, if anything was."""

    @property
    def seconds(self) -> float:
        """From the start of the call to its end."""
        return self.ended - self.started
