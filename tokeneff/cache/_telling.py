"""What is told of a call that the cache came into: what it did, and what that saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tokeneff._flow import Call, Outcome, Tokens
from tokeneff.cache._flights import Kept
from tokeneff.cache._place import now
from tokeneff.cache._reply import Said, Served, Worth

if TYPE_CHECKING:
    from tokeneff.prices import Prices

NOTHING_USED = Tokens(0, 0)
SHOWN = 12
"""Hexadecimal digits of a key that are shown."""


class Bill(NamedTuple):
    """What the worth of a reply is found from; nothing that holds on to its call."""

    dialect: str | None
    model: str
    answered: str
    provider: str
    host: str
    tier: str | None
    tokens: Tokens
    seconds: float


def shown(key: bytes) -> str:
    """The beginning of a key."""
    return key.hex()[:SHOWN]


def model_of(call: Call) -> str:
    """The model asked for."""
    model = call.body.get("model")
    return model if isinstance(model, str) else ""


def worth_of(call: Call, outcome: Outcome, prices: Prices) -> Callable[[], Worth]:
    """Finds, when first asked, what a call has used and cost: the price list may still have to be read."""
    site, facts, model = call.family.site(call.client), outcome.facts, model_of(call)
    bill = Bill(
        call.endpoint.dialect,
        model,
        facts.model or model,
        site.provider,
        site.host,
        facts.service_tier,
        outcome.tokens,
        outcome.ended - outcome.started,
    )
    known: list[Worth] = []

    def worth() -> Worth:
        if not known:
            known.append(_worth(bill, prices))
        return known[0]

    return worth


def _worth(bill: Bill, prices: Prices) -> Worth:
    tokens = bill.tokens
    cost = prices.cost(tokens, model=bill.answered, provider=bill.provider, host=bill.host, tier=bill.tier)
    return Worth(
        bill.dialect,
        bill.model,
        tokens.input_tokens,
        tokens.output_tokens,
        cost.nano_usd,
        bill.seconds,
        tokens.source != "provider",
    )


def sent(outcome: Outcome, said: Said, why: str = "", key: bytes | None = None) -> Outcome:
    """The outcome of a call that went to its provider."""
    return outcome._replace(served=Served(said, why, "" if key is None else shown(key)))


def answered(outcome: Outcome, said: Said, key: bytes, stored: int | None, worth: Worth) -> Outcome:
    """The outcome of a call that did not: nothing was used."""
    took = outcome.ended - outcome.started
    saved = worth._replace(seconds=None if worth.seconds is None else max(0.0, worth.seconds - took))
    age = 0.0 if stored is None else max(0, now() - stored) / 1e6
    return outcome._replace(tokens=NOTHING_USED, served=Served(said, "", shown(key), age, saved))


def said_of(kept: Kept) -> Said:
    """How a call was answered that was answered from this."""
    return "semantic" if kept.like else "stale" if kept.stale else "shared" if kept.shared else "hit"
