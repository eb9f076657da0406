"""What was sent before and could have been read from the provider's cache, and was not: in tokens, and in money."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from tokeneff._flow import Tokens
from tokeneff.accounts._rules import Rules
from tokeneff.accounts._seen import Seen
from tokeneff.prices._rates import Rates

_WHOLE = 10
_BROKEN = 50


class Shown(NamedTuple):
    """What is known of a settled request besides its pieces."""

    tokens: Tokens
    total: int
    """Input tokens, the provider's count."""
    scale: float
    """Provider's tokens per token of ours."""
    unseen: int
    """Tokens that the provider counted before what the request shows."""
    rules: Rules
    rates: Callable[[], Rates | None]
    parallel: bool
    """Whether the earlier request was still under way when this one was sent."""


class Loss(NamedTuple):
    """What was lost of a prompt's repeated tokens."""

    tokens: int = 0
    unmarked: bool = False
    """Whether nothing was cached because neither request asked for it."""
    alive: bool = False
    """Whether the provider read about all that could have been there."""
    possible: int = 0


def loss_of(earlier: Seen, new: Seen, sent: int, shown: Shown, *, whole: bool) -> Loss:
    """How many of the tokens sent before could have been read, and were not. Nothing is claimed

    * where the provider does not say what it read, of this request or the earlier one;
    * below the least size that it caches;
    * while the earlier request was under way: its prompt need not have been in the cache yet;
    * where it read about as much as could have been there: short by less than a tenth and the least size of a whole
      prefix, by less than a fiftieth and the cache's step of a broken one (whose size is our count, scaled).

    What could have been read is at most the earlier request's input; with a provider that caches only what it is
    asked to, at most what it says it read and wrote then. Where it was asked for nothing, it is what it would have
    been with a breakpoint at the end (``unmarked``).

    Args:
        earlier: the request before. new: this one. sent: tokens of this one that the earlier one had too.
        shown: what is known of this one. whole: whether the earlier one is repeated whole.
    """
    settled, read, rules = earlier.settled, shown.tokens.cache_read, shown.rules
    if settled is None or settled.total is None or shown.parallel or read is None:
        return Loss()
    possible, unmarked = min(sent, settled.total), False
    if rules.marks:
        if settled.read is None and settled.write is None:
            return Loss()
        cached = (settled.read or 0) + (settled.write or 0)
        unmarked = not (cached or read or shown.tokens.cache_write or earlier.marked or new.marked)
        if not unmarked:
            possible = min(sent, cached)
    if possible < rules.minimum:
        return Loss()
    if rules.step:
        possible -= possible % rules.step
    short = possible - read
    slack = max(rules.minimum, possible // _WHOLE) if whole else max(rules.step, possible // _BROKEN)
    return Loss(short if short > slack else 0, unmarked, read > 0 and short <= slack, possible)


def price_of(loss: Loss, earlier: Seen, shown: Shown) -> int | None:
    """What the lost tokens cost beyond a cached read, in nano-dollars.

    They were paid as input, or as cache writes as far as the provider wrote so many again. Of a request without any
    breakpoint it is what one would have saved: reads of what is repeated, less what writing the rest (and, once per
    session, the first request) costs above plain input; never less than 0.

    Returns:
        ``None`` where no price of input or of a cached read is known, or what was read is not.
    """
    tokens = shown.tokens
    if tokens.cache_read is None:
        return None
    if not loss.tokens:
        return 0
    rates = shown.rates()
    if rates is None or "cache_read" in rates.assumed:
        return None
    if loss.unmarked:
        written = shown.total - loss.tokens
        if earlier.opening and earlier.settled is not None:
            written += earlier.settled.total or 0
        extra = loss.tokens * (rates.input - rates.cache_read) - written * (rates.cache_write - rates.input)
        return max(_whole(extra), 0)
    written = min(loss.tokens, tokens.cache_write or 0)
    hour = min(written, tokens.cache_write_1h or 0)
    extra = loss.tokens * (rates.input - rates.cache_read)
    if written:  # exact fractions take their time
        extra += (written - hour) * (rates.cache_write - rates.input) + hour * (rates.cache_write_1h - rates.input)
    return max(_whole(extra), 0)


def _whole(amount: Fraction) -> int:
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)
