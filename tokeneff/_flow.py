"""How a call travels: what it is, how it ended, and the policies that it passes.

A policy is one generator, written once for blocking and awaiting callers::

    def policy(call):
        outcome = yield from forward(call)   # resumes when the call is over: read, cut, dropped, failed …
        return outcome

:class:`Run` stacks policies and turns them into a flat row of effects for a driver to perform. Nothing here does I/O
or imports anything but the standard library.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from tokeneff._log import log_once
from tokeneff.errors import TokeneffError

if TYPE_CHECKING:
    from tokeneff.accounts import Account
    from tokeneff.adapters import Endpoint, Family

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

    @property
    def seconds(self) -> float:
        """From the start of the call to its end."""
        return self.ended - self.started


@dataclass(frozen=True, slots=True)
class Forward:
    """Effect: pass the call on to the next policy, or to the wire behind the last one. Answered by an Outcome."""

    call: Call


@dataclass(frozen=True, slots=True)
class Do:
    """Effect: blocking work (a store). Done at once in a blocking driver, in a thread by an awaiting one."""

    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Effect: wait for somebody else's future, at most ``timeout`` seconds; then ``TimeoutError`` is thrown in."""

    future: Future[Any]
    timeout: float


Effect: TypeAlias = Forward | Do | Wait
Policy: TypeAlias = Callable[[Call], Generator[Effect, Any, Outcome]]


def forward(call: Call) -> Generator[Effect, Any, Outcome]:
    """Pass ``call`` on; returns its Outcome when the call is over."""
    return (yield Forward(call))


def do(fn: Callable[..., Any], *args: Any) -> Generator[Effect, Any, Any]:
    """Have the driver run blocking work; returns what ``fn(*args)`` returns."""
    return (yield Do(fn, args))


class Run:
    """One call on its way through its policies.

    :meth:`start`, :meth:`resume` and :meth:`throw` return the next effect for the driver (a ``Forward`` is always the
    wire's: forwards between policies are dealt with here), or ``None`` when every policy has returned.
    """

    __slots__ = ("_depth_call", "_last", "_policies", "_stack", "begun", "outcome", "refusal")

    def __init__(self, policies: Sequence[Policy], call: Call) -> None:
        self._policies = policies
        self._stack: list[Generator[Effect, Any, Outcome]] = []
        self._depth_call = [call]
        self._last: list[Outcome | None] = []
        self.begun = False
        """Whether the reply is the caller's to read: from then on nothing can be sent again."""
        self.outcome: Outcome | None = None
        self.refusal: TokeneffError | None = None

    def start(self) -> Effect | None:
        """Enter the outermost policy."""
        return self._enter(self._depth_call[0])

    def resume(self, value: Any) -> Effect | None:
        """Answer the last effect."""
        return self._step(value, None)

    def throw(self, error: BaseException) -> Effect | None:
        """Answer the last effect with the error that it met."""
        return self._step(None, error)

    def _enter(self, call: Call) -> Effect | None:
        depth = len(self._stack)
        if depth == len(self._policies):
            return Forward(call)
        self._stack.append(self._policies[depth](call))
        self._last.append(None)
        self._depth_call[depth:] = [call]
        return self._step(None, None)

    def _step(self, value: Any, error: BaseException | None) -> Effect | None:
        if not self._stack:
            self.outcome = value if error is None else self.outcome
            return None
        while self._stack:
            if isinstance(value, Outcome):
                self._last[-1] = value
            try:
                effect = self._stack[-1].throw(error) if error is not None else self._stack[-1].send(value)
            except StopIteration as done:
                value, error = done.value, None
                self._pop()
                continue
            except TokeneffError as refused:
                self.refusal, error = refused, None
                value = self._refused(refused)
                self._pop()
                continue
            except Exception as fault:  # noqa: BLE001 - a policy's own fault must not reach the call
                if self._last[-1] is None:
                    return self._skip(fault)
                log_once(("policy", type(fault)), "a policy failed and was left out of a call", exc_info=fault)
                value, error = self._last[-1] or self._refused(fault), None
                self._pop()
                continue
            if type(effect) is not Forward:
                return effect
            if not self.begun:
                return self._enter(effect.call)
            value, error = None, too_late()
        self.outcome = value
        return None

    def _pop(self) -> None:
        self._stack.pop()
        self._last.pop()

    def _skip(self, fault: Exception) -> Effect | None:
        """The innermost policy failed before it passed the call on: pass the call on in its place."""
        log_once(("policy", type(fault)), "a policy failed and was left out of a call", exc_info=fault)
        call = self._depth_call[len(self._stack) - 1]
        self._stack[-1] = forward(call)
        return self._step(None, None)

    def _refused(self, error: Exception) -> Outcome:
        name = f"{type(error).__module__}.{type(error).__qualname__}"
        return Outcome("refused", 0.0, 0.0, failure=Failure(name, str(error)))


def too_late() -> RuntimeError:
    """A policy cannot send again what the caller has already begun to read."""
    return RuntimeError(
        "the reply is already the caller's: a call cannot be forwarded again after its stream has begun"
    )
