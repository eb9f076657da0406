"""How much of a prompt was sent before, and where and why the repetition ends."""

from __future__ import annotations

from tokeneff.accounts._account import Prefix
from tokeneff.accounts._breaks import Break, again, find_break
from tokeneff.accounts._loss import Loss, Shown, loss_of, price_of
from tokeneff.accounts._rules import ONE_HOUR
from tokeneff.accounts._seen import Seen
from tokeneff.accounts._sessions import Place

_CLEARLY_FEWER = 0.9
_UNMARKED = "no cache_control breakpoint was set"


def prefix_of(place: Place, new: Seen, shown: Shown) -> Prefix:
    """How the request relates to the one that it goes on from.

    ``repeated`` is the provider's own count of the earlier request where that is repeated whole, and otherwise our
    count scaled. Of a session's first request it is what it shares with the latest request that begins alike (the
    tools and system prompt that all sessions of an application have), and the cause stays ``first``.

    A difference in the prompt itself is named before anything else. A prefix that is whole is ``missed`` if it is
    young and the provider read far less than was repeated (see :func:`loss_of`), ``expired`` if it is older than the
    cache's life and the provider did not read it all the same, and ``none`` otherwise. Where the provider does not
    say what it read, it is ``expired`` only if it is older than the cache can be, and nothing is lost.
    """
    earlier = place.earlier
    if earlier is None:
        return Prefix(0, "first")
    whole = place.chained or place.length == len(earlier.digests)
    repeated = _repeated(place, earlier, shown, whole)
    if not place.related:
        return _first(earlier, new, place, repeated, shown)
    broken = None if place.chained else find_break(earlier, new)
    if broken is None and _left_out(earlier, shown):
        return _cut_by_provider(earlier, shown)
    loss = loss_of(earlier, new, _sent(place, earlier, new, repeated, shown, whole), shown, whole=broken is None)
    if broken is None:
        broken = _unbroken(new.at - earlier.at, loss, earlier, shown)
    if broken.cause == "none" or (broken.cause == "expired" and loss.unmarked):
        loss = Loss()
    cost = price_of(loss, earlier, shown)
    return Prefix(repeated, broken.cause, broken.part, broken.position, broken.detail, loss.tokens, cost)


def _repeated(place: Place, earlier: Seen, shown: Shown, whole: bool) -> int:
    settled = earlier.settled
    if whole and settled is not None and settled.total is not None:
        return min(settled.total, shown.total)
    return min(_before(earlier, shown) + round(shown.scale * earlier.tokens(place.length)), shown.total)


def _before(earlier: Seen, shown: Shown) -> int:
    """Tokens of what neither request shows, and both are taken to have."""
    return min(shown.unseen, earlier.settled.unseen) if earlier.settled is not None else 0


def _sent(place: Place, earlier: Seen, new: Seen, repeated: int, shown: Shown, whole: bool) -> int:
    """Tokens that were sent before, wherever in the prompt; of what is not shown, only as much as was read."""
    if whole:
        return repeated
    before, read = _before(earlier, shown), shown.tokens.cache_read or 0
    seen_again = repeated - before + round(shown.scale * again(earlier, new, place.length))
    return min(shown.total, seen_again + min(before, read))


def _left_out(earlier: Seen, shown: Shown) -> bool:
    """Whether the provider counted clearly fewer tokens than before, though all that was sent is sent again."""
    settled = earlier.settled
    estimated = shown.tokens.input_tokens is None or shown.tokens.input_source != "provider"
    return not estimated and settled is not None and shown.total < _CLEARLY_FEWER * (settled.total or 0)


def _cut_by_provider(earlier: Seen, shown: Shown) -> Prefix:
    """The prompt was made shorter on its way: truncated, its tool results cleared, or summed up beyond the record."""
    before = earlier.settled.total if earlier.settled is not None else None
    detail = f"all is repeated, and the provider counted {shown.total} tokens after {before}"
    return Prefix(min(shown.tokens.cache_read or 0, shown.total), "shortened", "messages", None, detail)


def _unbroken(age: float, loss: Loss, earlier: Seen, shown: Shown) -> Break:
    life = ONE_HOUR if earlier.settled is not None and earlier.settled.hour else shown.rules.life
    if (age > life.most and not loss.alive) or (age > life.sure and loss.tokens):
        return Break("expired", detail=f"{_span(age)} after the last request, kept for {_span(life.sure)}")
    if loss.tokens:
        read = f"the provider read {shown.tokens.cache_read} of {loss.possible} repeated tokens"
        return Break("missed", detail=_UNMARKED if loss.unmarked else read)
    return Break("none")


def _first(earlier: Seen, new: Seen, place: Place, repeated: int, shown: Shown) -> Prefix:
    """A session's first request: what it shares with others should be read from their cache while that is young.

    Where that is lost because the head differs, as by a date, ``part``, ``position`` and ``detail`` say where.
    """
    loss = Loss()
    if (
        shown.total >= shown.rules.minimum
        and new.at - earlier.at <= shown.rules.life.sure
        and earlier.model == new.model
    ):
        sent = repeated + round(shown.scale * again(earlier, new, place.length, new.head))
        loss = loss_of(earlier, new, min(sent, shown.total), shown, whole=True)
    cost = price_of(loss, earlier, shown)
    if not loss.tokens:
        return Prefix(repeated, "first", cost=cost)
    broken = find_break(earlier, new) if place.length < new.head else None
    if broken is not None and broken.part in ("tools", "system"):
        return Prefix(repeated, "first", broken.part, broken.position, broken.detail, loss.tokens, cost)
    read = _UNMARKED if loss.unmarked else f"the provider read {shown.tokens.cache_read}"
    detail = f"begins with {loss.possible} tokens of another session: {read}"
    return Prefix(repeated, "first", detail=detail, lost=loss.tokens, cost=cost)


def _span(seconds: float) -> str:
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
