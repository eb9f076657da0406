"""What a model costs at a place: the price list, corrected by our file, then by the user's."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from tokeneff.prices import _listed
from tokeneff.prices._cost import UNPRICED
from tokeneff.prices._names import moving, plain, spellings
from tokeneff.prices._overlay import Entry
from tokeneff.prices._places import Place, hostname, place_of
from tokeneff.prices._rates import Quote, Sheet

# Only of these can a name on a private network be trusted to mean the vendor's model, by way of a proxy: models whose
# weights are not published cannot be what the host itself runs.
_CLOSED = frozenset({"openai", "anthropic", "google", "x-ai", "perplexity"})
_OPEN = ("gpt-oss", "gemma", "grok-1", "grok-2", "grok-oss")
_STANDARD = frozenset({"default", "standard", "auto", "standard_only", "on_demand", "none"})


class Wanted(NamedTuple):
    """What a price is asked of."""

    model: str
    provider: str
    host: str
    tier: str
    batch: bool

    @property
    def named_tier(self) -> str:
        """``batch``, ``standard``, or the service tier."""
        return "batch" if self.batch else self.tier or "standard"


def wanted(model: str, provider: str, host: str, tier: str | None, batch: bool) -> Wanted:
    """The same question in one form."""
    tier = (tier or "").strip().lower()
    batch = batch or tier == "batch"
    return Wanted(plain(model), provider.strip().lower(), host, "" if tier in _STANDARD or batch else tier, batch)


class Fare:
    """The prices of one model at one place and tier over time; each period's sheet is made at first use."""

    __slots__ = (
        "_clock",
        "_corrections",
        "_doubts",
        "_found",
        "_moments",
        "_notes",
        "_own",
        "_sheets",
        "_wanted",
        "fixed",
        "unpriced",
    )

    def __init__(self, want: Wanted, corrections: Sequence[Entry], own: Sequence[Entry]) -> None:
        place = place_of(want.provider, want.host)
        self._wanted = want
        self._found, self._notes = _look_up(place, want)
        # Why nothing was found says nothing against a price that a correction gives.
        self._doubts = self._notes if self._found else ()
        names = tuple({want.model, want.model.rpartition("/")[2], *(name for name, _, _ in spellings(want.model))})
        host, listing = hostname(want.host), self._found.provider.id if self._found else place.listing or ""
        self._corrections = [entry for entry in corrections if entry.concerns(names, (listing,), host)]
        self._own = [entry for entry in own if entry.concerns(names, (want.provider, place.listing or ""), host)]
        days, self._clock = _listed.boundaries(self._found) if self._found else ((), ())
        moments = {float(day) for day in days}
        for entry in (*self._corrections, *self._own):
            moments |= {entry.since, entry.until}
        self._moments = sorted(moments - {float("-inf"), float("inf")})
        self._sheets = dict[tuple[int, int], Sheet | None]()
        self.fixed = not self._moments and not self._clock
        """Whether there is one period only."""
        self.unpriced = UNPRICED._replace(note="; ".join(self._notes) or f"no price known for {want.model}")
        """What a call costs where there is no price."""

    def sheet(self, at: float) -> Sheet | None:
        """The prices at a moment, or ``None`` where there are none."""
        period = (0, 0) if self.fixed else (bisect_right(self._moments, at), bisect_right(self._clock, at % 86400))
        try:
            return self._sheets[period]
        except KeyError:
            quote = self._quote(at)
            made = self._sheets[period] = Sheet(quote) if quote is not None else None
            return made

    def sizes(self, at: float) -> tuple[int | None, int | None]:
        """What the user's file says of the model's context window and longest reply at a moment."""
        context = output = None
        for entry in self._own:
            if entry.since <= at < entry.until:
                context, output = entry.context_window or context, entry.max_output or output
        return context, output

    def _quote(self, at: float) -> Quote | None:
        want = self._wanted
        quote = _listed.quote(self._found, want.tier, want.batch, at) if self._found else None
        for entry in self._corrections:
            quote = self._corrected(entry, quote, at)
        if quote is not None and self._doubts:
            quote = quote.worse("assumed", *self._doubts)
        for entry in self._own:
            quote = self._corrected(entry, quote, at)
        return quote

    def _corrected(self, entry: Entry, quote: Quote | None, at: float) -> Quote | None:
        tier = self._wanted.named_tier
        if not entry.since <= at < entry.until or (entry.tier and entry.tier != tier):
            return quote
        made = entry.upon(quote)
        if made is not None and not entry.tier and tier != "standard" and any(entry.prices.values()):
            made = made.worse("assumed", f"no {tier} price in {entry.source}: its standard price")
        return made


def _look_up(place: Place, want: Wanted) -> tuple[_listed.Found | None, tuple[str, ...]]:
    """The price list's entry, and why it might not be this call's."""
    name, notes = want.model, ()
    if moving(name):
        notes = ("a moving alias: which model answered, and at what price, may change",)
    if not name:
        return None, ("the model has no name",)
    if place.kind == "self_hosted":
        return None, ("self-hosted: what it costs can be said in prices.toml",)
    listing = place.listing if place.kind == "known" else _listing_elsewhere(place, want)
    if listing is not None:
        for spelling, _, odd in spellings(name):
            found = _listed.find(listing, spelling)
            if found is not None:
                return found, (*notes, odd) if odd else notes
        reason = f"not in {listing}'s price list"
    elif place.kind == "local":
        reason = f"{hostname(want.host)} is on a private network: if it is self-hosted, say so in prices.toml"
    else:
        reason = f"whose endpoint {hostname(want.host) or 'this'} is, is not known"
    found, odd = _by_name(name, place.kind == "local")
    if found is None:
        return None, (f"no price known for {name}; {reason}",)
    whose = f"priced by its name, as at {found.provider.id}"
    return found._replace(own=True), (*notes, f"{whose}: {reason}", *((odd,) if odd else ()))


def _listing_elsewhere(place: Place, want: Wanted) -> str | None:
    if want.provider == "huggingface" and ":" in want.model:
        return _listed.listing_named(f"huggingface_{want.model.rpartition(':')[2]}")
    named = _listed.listing_named(place.listing) if place.listing else None
    host = hostname(want.host)
    return named or (_listed.listing_at(host) if host and place.kind != "local" else None)


def _by_name(name: str, local: bool) -> tuple[_listed.Found | None, str]:
    for spelling, vendor, odd in spellings(name):
        listing = vendor or _listed.home(spelling)
        if listing is None or (local and (listing not in _CLOSED or spelling.startswith(_OPEN))):
            continue
        found = _listed.find(listing, spelling)
        if found is not None:
            return found, odd
    return (None if local else _listed.find("openrouter", name)), ""
