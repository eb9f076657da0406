"""Which accounts a call claims: one for each budget, named by the budget, the values of its tags, and its window."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from tokeneff.budgets._budget import Budget, Rolling
from tokeneff.budgets._windows import window
from tokeneff.stores._contract import Claim

NONE = "(none)"
"""Where a call has no such tag. A tag of this very text is written otherwise."""

_PLAIN = re.compile(r"[0-9A-Za-z_ .@:/+-]{0,64}")
# By ranges, and not by what Python calls printable, which changes with its version: a fleet may run several.
_STRANGE = re.compile(
    r"[%|,=~{}*?\[\]\\\x00-\x1f\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    r"\ud800-\udfff\ufeff\ufff0-\uffff\U000e0000-\U0010ffff]"
)
_LONGEST, _HEAD = 64, 32
_MOST_LATEST = 1000
_WHOLE = re.compile(r"(?:%..|[^%]){0,48}")


def claims(budgets: Sequence[Budget], tags: Mapping[str, object], now: int) -> tuple[Claim, ...]:
    """One claim for each budget, in their order.

    An account is named ``budget|scope|window``, as ``hour by user|user=u1|hour 2026-11-22T13:00Z``: the same for the
    same budget, values and window in every process, and never the same for others.

    Args:
        budgets: as ``normalised`` returns them. tags: those of the call. now: microseconds since 1970.
    """
    return tuple([_claim(budget, scope(budget.by, tags) if budget.by else "", now) for budget in budgets])


def _claim(budget: Budget, scope: str, now: int) -> Claim:
    """The same claim as the last time, unless its window is over."""
    latest = budget.latest
    found = latest.get(scope)
    if found is None or not (found.start <= now < found.end or not found.end):
        if len(latest) >= _MOST_LATEST:
            latest.clear()
        found = latest[scope] = _made(budget, scope, now)
    return found


def _made(budget: Budget, scope: str, now: int) -> Claim:
    per, limits, enforced = budget.per, budget.limits, budget.enforced
    account = f"{prefix(budget.name)}{scope}|"
    if isinstance(per, Rolling):
        return Claim(
            f"{account}{per}", limits, enforced, 0, 0, per.span, per.bucket, budget.name, scope, f"rolling {per}"
        )
    if per == "session" or per == "total":
        kept = "session" if per == "session" else ""
        return Claim(account + per, limits, enforced, budget=budget.name, scope=scope, window=kept)
    found = window(per, budget.tz, now)
    return Claim(account + found.name, limits, enforced, found.start, found.end, 0, 0, budget.name, scope, found.label)


def prefix(name: str) -> str:
    """What the names of all accounts of a budget, and of no other, begin with."""
    return f"{quoted(name)}|"


def scope(by: Sequence[str], tags: Mapping[str, object]) -> str:
    """Whom an account is for, as ``user=u1,feature=search``; empty for everybody."""
    return ",".join([f"{name}={quoted(tags[name]) if name in tags else NONE}" for name in by])


def group(budgets: Sequence[Budget], tags: Mapping[str, object]) -> str:
    """The tags that all budgets tell apart, with their values: accounts of different groups are never claimed together.

    Empty where there is no such tag.
    """
    if not budgets:
        return ""
    shared = set(budgets[0].by).intersection(*[budget.by for budget in budgets[1:]])
    return scope(sorted(shared), tags)


def quoted(value: object) -> str:
    """The text of a value, with what has a meaning in an account's name written as in URLs (``%2C``).

    >>> quoted("a,b"), quoted(1), quoted(True), quoted("(none)")
    ('a%2Cb', '1', 'True', '%28none)')

    Values of different text are quoted differently. What is long becomes its beginning and a digest.
    """
    text = value if type(value) is str else _text(value)
    if _PLAIN.fullmatch(text):
        return text
    if text == NONE:
        return "%28" + text[1:]
    written = _STRANGE.sub(_escaped, text[: _LONGEST + 1])
    if len(text) <= _LONGEST and len(written) <= 2 * _LONGEST:
        return written
    head = _WHOLE.match(_STRANGE.sub(_escaped, text[:_HEAD]))
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{head[0] if head else ''}~{digest}"


def _escaped(found: re.Match[str]) -> str:
    return "".join([f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass")])


def _text(value: object) -> str:
    """As spans show it: what a subclass calls itself has no say."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    try:
        return int.__repr__(value) if isinstance(value, int) else float.__repr__(value)
    except ValueError:  # more digits than Python is willing to write
        return hex(int(value))
