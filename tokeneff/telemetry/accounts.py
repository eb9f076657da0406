"""A call's account as attributes of its span: the parts of its tokens, its prompt's prefix, its cost."""

from __future__ import annotations

from typing import Any, cast

from tokeneff.accounts import Account, InputParts, OutputParts, Prefix
from tokeneff.prices import Cost
from tokeneff.telemetry import names

INPUT = "tokeneff.usage.input."
OUTPUT = "tokeneff.usage.output."
COST = "tokeneff.cost."
PREFIX = "tokeneff.prefix."
PROMPT = "tokeneff.prompt."
_INPUTS = tuple(INPUT + name for name in InputParts._fields)
_OUTPUTS = tuple(OUTPUT + name for name in OutputParts._fields)
_COSTS = tuple(
    (Cost._fields.index(name), f"{COST}{name}_usd") for name in ("input", "cache_read", "cache_write", "output")
)


def account_attributes(found: dict[str, Any], account: Account) -> None:
    """Add what the account says. Parts that are zero are left out; what is not known is not there, or says so."""
    for keys, parts in ((_INPUTS, account.input), (_OUTPUTS, account.output)):
        if parts is not None:
            found.update({name: value for name, value in zip(keys, parts, strict=True) if value})
    if account.scale is not None:
        found["tokeneff.usage.scale"] = account.scale
    if account.counted is not None:
        found[PROMPT + "counted_tokens"] = account.counted
        found[PROMPT + "encoding"] = account.encoding
        if account.expected_error is not None:
            found[PROMPT + "expected_error"] = account.expected_error
    if account.unknown:
        found[PROMPT + "uncounted"] = account.unknown
    if account.session is not None:
        found["tokeneff.session.id"] = account.session
    if account.stale:
        found["tokeneff.usage.stale_tokens"] = account.stale
    if account.prefix is not None:
        _prefix(found, account.prefix)
    cost_attributes(found, account.cost)


def _prefix(found: dict[str, Any], prefix: Prefix) -> None:
    found[names.PREFIX_CAUSE] = prefix.cause
    found[PREFIX + "repeated_tokens"] = prefix.repeated
    if prefix.part is not None:
        found[PREFIX + "part"] = prefix.part
    if prefix.position is not None:
        found[PREFIX + "position"] = prefix.position
    if prefix.detail:
        found[PREFIX + "detail"] = prefix.detail
    if prefix.lost:
        found[PREFIX + "lost_tokens"] = prefix.lost
        if prefix.cost is not None:
            found[PREFIX + "cost_usd"] = prefix.cost / 1e9


def cost_attributes(found: dict[str, Any], cost: Cost) -> None:
    """What a call cost, in US dollars, and how far that can be trusted. An unknown cost has no amount."""
    found[names.COST_CONFIDENCE] = cost.confidence
    if cost.nano_usd is not None:
        found[names.COST_USD] = cost.nano_usd / 1e9
        found[COST + "micro_usd"] = cost.micro_usd
        for index, name in _COSTS:
            value = cast("int | None", cost[index])
            if value:
                found[name] = value / 1e9
        found[COST + "source"] = cost.source
        if cost.version:
            found[COST + "version"] = cost.version
    if cost.note:
        found[COST + "note"] = cost.note
