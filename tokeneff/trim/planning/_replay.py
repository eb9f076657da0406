"""Recorded conversations, sent again under some policy to simulated providers: what they cost, and what was missing.

Nothing is sent anywhere. The model's recorded turns stay as they were, whatever a policy leaves out, so what is saved
here is saved only if the model goes on as well without it; ``lost`` tells where it may not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from tokeneff.prices import Prices
from tokeneff.prices._rates import Rates
from tokeneff.promptcache import Pieces, Rule, Split, State, rule_of, serve
from tokeneff.tokens import counter
from tokeneff.traces import BrokenLine, Conversation, RecordedCall
from tokeneff.trim._validity import fault_of
from tokeneff.trim.planning._aligning import aligned
from tokeneff.trim.planning._anchoring import usual
from tokeneff.trim.planning._plan import strings, words

_SPAN, _DAY = 10.0, 86_400.0
"""Seconds between requests, and between conversations, that were recorded without times."""


class Turn(NamedTuple):
    """One recorded request."""

    conversation: str
    at: float
    dialect: str
    model: str
    """That it was recorded with; tokens are counted for it."""
    body: Mapping[str, Any]
    scale: float
    """Tokens by the provider for each that was counted."""
    unseen: int
    """Tokens before all that was recorded, as a system prompt that a log leaves out."""
    used: frozenset[str]
    """Words with a digit that the model's reply to it has."""
    plain: Pieces
    """As sent then."""
    placed: Callable[[Pieces], Pieces] | None = None
    """Sets the breakpoints of a request that has its own; if nothing is given, they are as agents set them."""

    def pieces(self, body: Mapping[str, Any]) -> Pieces:
        """Another body in its place, as a provider's cache sees it, with breakpoints as it has them, or as agents set
        them: after the system prompt, and at the newest message."""
        prompt = counter().prompt(self.dialect, body, self.model)
        own = sum(piece.tokens for piece in prompt.pieces)
        found = aligned(prompt, self.dialect, body, self.unseen + round(own * self.scale), self.unseen)
        if self.placed is not None:
            return self.placed(found)
        return usual(found, bool(self.unseen))


def turns(conversations: Iterable[Conversation | BrokenLine]) -> Iterator[list[Turn]]:
    """The requests of each conversation, in their order. Lines that could not be read are left out."""
    start = 0.0
    for conversation in conversations:
        if isinstance(conversation, BrokenLine):
            continue
        found: list[Turn] = []
        unseen: dict[int, int] = {}
        for place, call in enumerate(conversation.calls):
            # What a summary has taken the place of is not sent any more.
            first = max((end - 1 for end in conversation.compactions if end <= call.length), default=0)
            at = call.time if call.time is not None else start + place * _SPAN
            found.append(_turn(conversation.id, at, call, first, unseen))
        start += _DAY
        yield found


_NO_PIECES = Pieces((), (), ())
_EMPTY = State()


def _turn(name: str, at: float, call: RecordedCall, first: int, unseen: dict[int, int]) -> Turn:
    dialect, body = "messages" if call.dialect == "anthropic" else "chat", call.request
    body["messages"] = body["messages"][first:]
    own, said = own_tokens(dialect, body, call.model), call.usage.input_tokens if call.usage else 0
    if first not in unseen:
        unseen[first] = hidden(own, said) if dialect == "messages" else 0
    arguments = [] if call.reply is None else [tool.arguments for tool in call.reply.tool_calls]
    used = words_of((call.reply and call.reply.text) or "", arguments)
    return turn_of(name, at, dialect, call.model, body, own, said, unseen[first], used)


def turn_of(
    name: str,
    at: float,
    dialect: str,
    model: str,
    body: Mapping[str, Any],
    own: int,
    said: int,
    unseen: int,
    used: frozenset[str],
    placed: Callable[[Pieces], Pieces] | None = None,
) -> Turn:
    """A request that was recorded in any way.

    Args:
        own: :func:`own_tokens` of it. said: input tokens that its provider counted, 0 where that is not known.
        unseen: of these, tokens before all that was recorded. The rest are fields of :class:`Turn`.
    """
    unseen = min(unseen, max(said - 1, 0))
    scale = max(said - unseen, 1) / max(own, 1) if said else 1.0
    turn = Turn(name, at, dialect, model, body, scale, unseen, used, _NO_PIECES, placed)
    return turn._replace(plain=turn.pieces(body))


def own_tokens(dialect: str, body: Mapping[str, Any], model: str) -> int:
    """Our count of what a request shows."""
    return sum(piece.tokens for piece in counter().prompt(dialect, body, model).pieces)


def hidden(own: int, said: int) -> int:
    """What a provider counted in a conversation's first request, of ``own`` tokens by our count, that no log shows."""
    return max(said - round(1.15 * own), 0)


def words_of(text: str, arguments: Iterable[str]) -> frozenset[str]:
    """Words with a digit in a reply's text, and in the arguments (JSON) of the tools that it calls."""
    return frozenset(word for said in (text, *map(_said, arguments)) for word in words(said))


def _said(arguments: str) -> str:
    try:
        return "\n".join(strings(json.loads(arguments)))
    except (ValueError, RecursionError):
        return arguments


class Sent(NamedTuple):
    """What a policy makes of a request."""

    body: Mapping[str, Any]
    pieces: Pieces | None = None
    """Where it knows them."""


class Policy(Protocol):
    """Decides what is sent of a conversation's requests, one after another."""

    def __call__(self, turn: Turn) -> Sent:
        """What is sent."""
        ...


class Market(NamedTuple):
    """A model at a provider, with its prices and the rules of its cache."""

    model: str
    provider: str
    rule: Rule
    prices: Prices

    def rates(self, tokens: int) -> Rates:
        """Prices of a request of so many tokens."""
        found = self.prices.rates(self.model, self.provider, "", None, tokens)
        if found is None:
            raise ValueError(f"there is no price for {self.model} at {self.provider}")
        return found


def market(model: str, provider: str, prices: Prices, *, cached: bool = True) -> Market:
    """A market by name; ``cached=False``: as if it had no cache."""
    rule = rule_of(model, provider)
    return Market(model, provider, rule if cached else rule._replace(engine="none"), prices)


@dataclass
class Sums:
    """Of one conversation, or of many."""

    requests: int = 0
    tokens: int = 0
    cost: int = 0
    """Nano-dollars of input."""
    course: list[int] = field(default_factory=list[int])
    """The same after each request."""
    plain_tokens: int = 0
    plain: int = 0
    """Nano-dollars of the same requests as recorded."""
    known: int = 0
    """Words with a digit that a reply has and its request had, as recorded."""
    lost: int = 0
    """Those that were not in what was sent."""
    before: int = 0
    kept: int = 0
    """Tokens of requests before, and how many of them the next request began with."""
    refused: int = 0
    """Requests that a provider would not take, and would have taken as recorded."""
    seconds: list[float] = field(default_factory=list[float])
    """That the policy took of this thread, of each request."""

    @property
    def change(self) -> float:
        """Of the cost, against the recorded requests: -0.1 is a tenth less."""
        return self.cost / self.plain - 1 if self.plain else 0.0

    @property
    def stability(self) -> float:
        """The share of a request that the next one begins with."""
        return self.kept / self.before if self.before else 1.0


_SUMMED = ("requests", "tokens", "cost", "plain_tokens", "plain", "known", "lost", "before", "kept", "refused")


def total(sums: Iterable[Sums]) -> Sums:
    """Of many as one."""
    whole = Sums()
    for one in sums:
        for name in _SUMMED:
            setattr(whole, name, getattr(whole, name) + getattr(one, name))
        whole.seconds.extend(one.seconds)
    return whole


def replay(
    conversation: Sequence[Turn], policy: Policy, markets: Sequence[Market], begun: State = _EMPTY
) -> list[Sums]:
    """Send one conversation in each market; returns its sums in each. A policy that decides by the market is replayed
    in one at a time. ``begun``: what is known of each cache."""
    found = [Sums() for _ in markets]
    states = [[begun, begun] for _ in markets]
    before: Pieces | None = None
    for turn in conversation:
        start = time.thread_time()
        sent = policy(turn)
        taken = time.thread_time() - start
        same = sent.body is turn.body
        pieces = sent.pieces or (turn.plain if same else turn.pieces(sent.body))
        known, lost = (0, 0) if not turn.used else _missing(turn, sent.body)
        refused = not same and bool(fault_of(turn.dialect, sent.body)) and not fault_of(turn.dialect, turn.body)
        shared = _shared(before, pieces)
        for sums, state, place in zip(found, states, markets, strict=True):
            rates = place.rates(turn.plain.total)
            plain, state[0] = serve(place.rule, state[0], turn.plain, turn.at)
            split, state[1] = serve(place.rule, state[1], pieces, turn.at)
            sums.plain += plain.dollars(rates)
            sums.cost += split.dollars(place.rates(pieces.total))
            sums.course.append(sums.cost)
            _add(sums, turn, split, known, lost, refused, before, shared, taken)
        before = pieces
    return found


def _add(
    sums: Sums,
    turn: Turn,
    split: Split,
    known: int,
    lost: int,
    refused: bool,
    before: Pieces | None,
    shared: int,
    taken: float,
) -> None:
    sums.requests += 1
    sums.tokens += split.total
    sums.plain_tokens += turn.plain.total
    sums.known += known
    sums.lost += lost
    sums.refused += refused
    sums.before += before.total if before is not None else 0
    sums.kept += shared
    sums.seconds.append(taken)


def _shared(before: Pieces | None, now: Pieces) -> int:
    """Tokens that two requests begin with."""
    if before is None:
        return 0
    end = 0
    for one, other, tokens in zip(before.chain, now.chain, before.ends, strict=False):
        if one != other:
            break
        end = tokens
    return end


def _missing(turn: Turn, body: Mapping[str, Any]) -> tuple[int, int]:
    known = turn.used & _words_in(turn.dialect, turn.body)
    return len(known), 0 if body is turn.body else len(known - _words_in(turn.dialect, body))


def _words_in(dialect: str, body: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    for name in ("messages", "input", "system", "instructions"):
        for text in strings(body.get(name)):
            found.update(words(text))
    return found
