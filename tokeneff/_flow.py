"""How a call travels: the policies that it passes, and what they ask of whoever drives them.

A policy is one generator, written once for blocking and awaiting callers::

    def policy(call):
        outcome = yield from forward(call)   # resumes when the call is over: read, cut, dropped, failed …
        return outcome

:class:`Run` stacks policies and turns them into a flat row of effects for a driver to perform. Nothing here does I/O
or imports anything but the standard library. What a call is, and how it ended, are values of :mod:`tokeneff._values`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tokeneff._done import Action, Guard, GuardEvent
from tokeneff._log import log_once
from tokeneff._values import UNKNOWN, Attempt, Call, Ending, Facts, Failure, Outcome, Source, Tokens, Written
from tokeneff.errors import TokeneffError

if TYPE_CHECKING:
    from tokeneff.cache._reply import Reply
    from tokeneff.cache._tape import Tape

__all__ = [
    "UNKNOWN",
    "Abandoned",
    "Action",
    "Attempt",
    "Call",
    "Do",
    "Effect",
    "Ending",
    "Facts",
    "Failure",
    "Forward",
    "Guard",
    "GuardEvent",
    "Outcome",
    "Policy",
    "Run",
    "Sleep",
    "Source",
    "Tokens",
    "Wait",
    "Written",
    "answer",
    "do",
    "forward",
    "too_late",
]


@dataclass(frozen=True, slots=True)
class Forward:
    """Effect: pass the call on to the next policy, or to the wire behind the last one. Answered by an Outcome."""

    call: Call
    reply: Reply | Tape | None = None
    """What to answer the call with, in place of all policies below and of the wire."""
    pace: Literal["at once", "recorded"] = "at once"
    """How the chunks of a kept reply come."""


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


@dataclass(frozen=True, slots=True)
class Sleep:
    """Effect: let so many seconds pass."""

    seconds: float


class Abandoned(BaseException):
    """Thrown into a policy whose call is given up in the middle of an effect: its caller was cancelled or interrupted.

    What the effect came to is not known. The policy may still have work done (`Do`) to put its affairs in order, and
    then lets this go on; nothing is sent any more.
    """


Effect: TypeAlias = Forward | Do | Wait | Sleep
Policy: TypeAlias = Callable[[Call], Generator[Effect, Any, Outcome]]


def forward(call: Call) -> Generator[Effect, Any, Outcome]:
    """Pass ``call`` on; returns its Outcome when the call is over."""
    return (yield Forward(call))


def answer(
    call: Call, reply: Reply | Tape, pace: Literal["at once", "recorded"] = "at once"
) -> Generator[Effect, Any, Outcome]:
    """Answer ``call`` with a reply that was kept, or with one that is just coming; returns its Outcome when it is over.

    No policy below sees the call, and nothing is sent. Where that cannot be done the outcome says ``failed``, and the
    call may still be forwarded.
    """
    return (yield Forward(call, reply, pace))


def do(fn: Callable[..., Any], *args: Any) -> Generator[Effect, Any, Any]:
    """Have the driver run blocking work; returns what ``fn(*args)`` returns."""
    return (yield Do(fn, args))


class Run:
    """One call on its way through its policies.

    :meth:`start`, :meth:`resume` and :meth:`throw` return the next effect for the driver (a ``Forward`` is always the
    wire's: forwards between policies are dealt with here), or ``None`` when every policy has returned.
    """

    __slots__ = ("_depth_call", "_last", "_policies", "_stack", "abandoned", "begun", "outcome", "refusal")

    def __init__(self, policies: Sequence[Policy], call: Call) -> None:
        self._policies = policies
        self._stack: list[Generator[Effect, Any, Outcome]] = []
        self._depth_call = [call]
        self._last: list[Outcome | None] = []
        self.begun = False
        """Whether the reply is the caller's to read: from then on nothing can be sent again."""
        self.abandoned: Failure | None = None
        """Why the call was given up, if it was."""
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

    def abandon(self, error: BaseException) -> Effect | None:
        """The caller is gone, from the middle of the last effect: let every policy put its affairs in order.

        Nothing is sent from here on. To those that wait for an outcome the call was cancelled.
        """
        kind = type(error)
        self.abandoned = Failure(f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}", str(error))
        return self._step(None, Abandoned())

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
            except Abandoned:
                value, error = self._last[-1] or self._given_up(), None
                self._pop()
                continue
            except Exception as fault:  # noqa: BLE001 - a policy's own fault must not reach the call
                if self._last[-1] is None and self.abandoned is None:
                    return self._skip(fault)
                log_once(("policy", type(fault)), "a policy failed and was left out of a call", exc_info=fault)
                value, error = self._last[-1] or self._refused(fault), None
                self._pop()
                continue
            if type(effect) is not Forward:
                return effect
            if not self.begun and self.abandoned is None:
                return self._enter(effect.call) if effect.reply is None else effect
            value, error = None, too_late() if self.abandoned is None else Abandoned()
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
        name, guard = f"{type(error).__module__}.{type(error).__qualname__}", getattr(error, "guard", None)
        return Outcome("refused", 0.0, 0.0, failure=Failure(name, str(error)), guard=guard)

    def _given_up(self) -> Outcome:
        return Outcome("cancelled", 0.0, 0.0, failure=self.abandoned)


def too_late() -> RuntimeError:
    """A policy cannot send again what the caller has already begun to read."""
    return RuntimeError(
        "the reply is already the caller's: a call cannot be forwarded again after its stream has begun"
    )
