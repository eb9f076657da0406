"""The price list of genai-prices, read so that one look-up gives every price of a model at one moment.

Imported beside its use: genai-prices brings pydantic, and takes about a second and 60 MB.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tokeneff.prices._rates import KINDS, Quote, weaker

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

SOURCE = "genai-prices"
_KINDS = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_5m_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cache_read_audio",
    "output_audio_mtok": "output_audio",
    "input_image_mtok": "input_image",
    "cache_image_read_mtok": "cache_read_image",
    "output_image_mtok": "output_image",
}
_FREE: Mapping[str, Fraction] = {kind: Fraction(0) for kind in KINDS}
# Providers whose price pages say that a batch costs half, for models whose own batch price is not listed.
_HALF = frozenset({"openai", "anthropic", "google", "mistral", "azure", "aws", "groq"})
_BY_CONTRACT = "what the {} tier costs is in no price list: standard price"


class Found(NamedTuple):
    """A model of the list, and the provider under whom it was found."""

    provider: Provider
    model: ModelInfo
    own: bool
    """Whether it is that provider's own entry, not one lent by another provider."""


@cache
def version() -> str:
    """The package's version, with the day of its latest dated price: it says of itself nothing newer."""
    from importlib.metadata import version as installed

    days = [c.start_date for p in _providers() for m in p.models for c in _constraints(m) if hasattr(c, "start_date")]
    past = [day for day in days if day <= datetime.now(UTC).date()]
    return f"{installed('genai-prices')} (prices to {max(past).isoformat()})" if past else installed("genai-prices")


def find(listing: str | None, name: str) -> Found | None:
    """The entry for ``name`` at a provider of the list, or ``None``."""
    provider = _provider(listing) if listing else None
    model = provider.find_model(name, all_providers=_providers()) if provider else None
    return Found(provider, model, any(model is one for one in provider.models)) if provider and model else None


def home(name: str) -> str | None:
    """The provider whose model this is, told by the name alone."""
    for provider in _providers():
        if provider.model_match is not None and provider.model_match.is_match(name):
            return provider.id
    return None


def listing_at(host: str) -> str | None:
    """The list's name of the provider at this host."""
    import re

    for provider in _providers():
        if re.match(provider.api_pattern, f"https://{host}/"):
            return provider.id
    return None


def listing_named(name: str) -> str | None:
    """The list's name of the provider that others call ``name``."""
    found = _provider(name)
    return found.id if found else None


def boundaries(found: Found) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """When the entry's prices change: seconds since 1970, and seconds of each day, both UTC."""
    days, clock = set[int](), set[int]()
    for constraint in _constraints(found.model):
        if hasattr(constraint, "start_date"):
            days.add(int(datetime.combine(constraint.start_date, time(), UTC).timestamp()))
        elif hasattr(constraint, "start_time"):
            for moment in (constraint.start_time, constraint.end_time):
                # A naive time is UTC, as the list says.
                aware = datetime.combine(date(2000, 1, 2), moment, moment.tzinfo or UTC).astimezone(UTC)
                clock.add(aware.hour * 3600 + aware.minute * 60 + aware.second)
    return tuple(sorted(days)), tuple(sorted(clock))


def quote(found: Found, tier: str, batch: bool, at: float) -> Quote:
    """The entry's prices at this moment for a service tier (``""``: standard), or for a batch."""
    when = datetime.fromtimestamp(at, UTC)
    standard = _quote(found.model.get_prices(when), found)
    if batch:
        return _varied(found, when, standard, ({"processing": "batch"},), "batch")
    if tier:
        return _varied(found, when, standard, ({"service_tier": tier}, {"speed": tier}), tier)
    return standard


def _varied(found: Found, when: datetime, standard: Quote, contexts: tuple[dict[str, str], ...], what: str) -> Quote:
    """The price of a batch or tier: as listed; as listed later at the same standard price; else by rule."""
    for context in contexts:
        listed = [v for v in found.model.price_variants or () if v.when == context]
        if not listed:
            continue
        active = [v for v in listed if v.constraint is None or v.constraint.active(when)]
        moment = when if active else _first(listed)
        if moment is None:
            continue
        varied = _quote(found.model.get_prices(moment, context), found)
        if moment is not when:
            if _quote(found.model.get_prices(moment), found).prices != standard.prices:
                continue
            varied = varied.worse("assumed", f"{what} price as listed from {moment.date().isoformat()}")
        changed = next(iter(active or listed)).prices.__dict__
        return _cached_alike(varied, standard, changed, what)
    if what == "batch" and found.provider.id in _HALF:
        return standard.times(Fraction(1, 2)).worse("assumed", "no batch price listed: half the standard price")
    if what == "batch":
        return standard.worse("assumed", "no batch price listed: standard price")
    return standard.worse("assumed", _BY_CONTRACT.format(what))


def _cached_alike(varied: Quote, standard: Quote, changed: Mapping[str, Any], what: str) -> Quote:
    """A table that lists no cached price beside its other prices leaves the standard one, or its input if cheaper."""
    read, plain = varied.prices.get("cache_read"), varied.prices.get("input")
    if "cache_read_mtok" in changed or "input_mtok" not in changed or read is None or plain is None or read <= plain:
        return varied
    return varied._replace(prices={**varied.prices, "cache_read": plain})


def _first(variants: list[Any]) -> datetime | None:
    days = [variant.constraint.start_date for variant in variants if hasattr(variant.constraint, "start_date")]
    return datetime.combine(min(days), time(), UTC) + timedelta(hours=12) if days else None


def _quote(prices: ModelPrice, found: Found) -> Quote:
    from genai_prices.types import TieredPrices

    given = {key: value for key, value in prices.__dict__.items() if not key.startswith("_") and value is not None}
    base, steps = dict[str, Fraction](), dict[int, dict[str, Fraction]]()
    for key, value in given.items():
        kind = _KINDS.get(key)
        if kind is None:
            continue
        if isinstance(value, TieredPrices):
            base[kind] = _rate(value.base)
            for tier in value.tiers:
                steps.setdefault(tier.start, {})[kind] = _rate(tier.price)
        else:
            base[kind] = _rate(cast("Decimal", value))
    notes = ("the provider's fee per request is not in it",) if "requests_kcount" in given else ()
    made = Quote(
        base if given else _FREE,
        tuple(sorted(steps.items())),
        SOURCE,
        version(),
        "assumed" if notes else "listed",
        (*notes, *(() if given else ("listed as free",))),
        found.provider.id == "google",
    )
    if found.own:
        return made
    return made._replace(
        confidence=weaker(made.confidence, "assumed"), notes=(*made.notes, "the price of the model's maker")
    )


def _rate(dollars_per_million: Decimal) -> Fraction:
    return Fraction(dollars_per_million) * 1000


def _constraints(model: ModelInfo) -> list[Any]:
    dated = model.prices if isinstance(model.prices, list) else []
    return [c.constraint for c in (*dated, *(model.price_variants or ())) if c.constraint is not None]


@cache
def _providers() -> list[Provider]:
    from genai_prices.data import providers

    return providers


@cache
def _provider(name: str) -> Provider | None:
    from genai_prices.data_snapshot import find_provider_by_id

    return find_provider_by_id(_providers(), name)
