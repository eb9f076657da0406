"""Counting calls into totals."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from tokeneff._flow import UNKNOWN, Call, Outcome, Tokens
from tokeneff.totals._values import Latency, Total, Usage

if TYPE_CHECKING:
    from tokeneff.prices import Cost, Prices

_MOST_GROUPS = 500
"""Models, and tag values, that are told apart; what comes after is counted as ``(other)``."""
OTHER = "(other)"

_MOST_PENDING = 500
"""Calls that wait for their price, at most."""

_GROWTH = 1.05
_LOG_GROWTH = math.log(_GROWTH)
_SMALLEST = 1e-4


class _Histogram:
    """Durations in buckets that grow by 5 %: at most a few hundred integers, whatever comes."""

    __slots__ = ("buckets", "count", "max", "sum")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.count = 0
        self.sum = 0.0
        self.max = 0.0

    def add(self, seconds: float) -> None:
        index = int(math.log(seconds / _SMALLEST) / _LOG_GROWTH) if seconds > _SMALLEST else 0
        self.buckets[index] = self.buckets.get(index, 0) + 1
        self.count += 1
        self.sum += seconds
        if seconds > self.max:
            self.max = seconds

    def merge(self, other: _Histogram) -> None:
        for index, number in other.buckets.items():
            self.buckets[index] = self.buckets.get(index, 0) + number
        self.count += other.count
        self.sum += other.sum
        self.max = max(self.max, other.max)

    def frozen(self) -> Latency:
        if not self.count:
            return Latency()
        ordered = sorted(self.buckets.items())
        p50, p90, p99 = (self._at(ordered, share) for share in (0.5, 0.9, 0.99))
        return Latency(self.count, self.sum / self.count, p50, p90, p99, self.max)

    def _at(self, ordered: list[tuple[int, int]], share: float) -> float:
        left = math.ceil(share * self.count)
        for index, number in ordered:
            left -= number
            if left <= 0:
                return min(_SMALLEST * _GROWTH ** (index + 0.5), self.max)
        return self.max


_FIELDS = (
    "calls",
    "errors",
    "cut",
    "retries",
    "input_tokens",
    "output_tokens",
    "cache_read",
    "cache_write",
    "reasoning",
    "estimated",
    "unknown",
    "hits",
    "saved_nano_usd",
    "nano_usd",
    "unpriced",
)
_NANO_USD, _UNPRICED = len(_FIELDS) - 2, len(_FIELDS) - 1


def _row(model: bool, outcome: Outcome) -> tuple[int, ...]:
    """What one call adds to each of ``_FIELDS``."""
    ending, tokens = outcome.ending, outcome.tokens
    source = tokens.source if model else "provider"
    saved = None if outcome.served is None else outcome.served.saved
    known = model and tokens is not UNKNOWN
    return (
        1,
        ending == "failed" or ending == "refused",
        ending != "read" and ending != "failed" and ending != "refused",
        len(outcome.attempts),
        (tokens.input_tokens or 0) if known else 0,
        (tokens.output_tokens or 0) if known else 0,
        (tokens.cache_read or 0) if known else 0,
        (tokens.cache_write or 0) if known else 0,
        (tokens.reasoning or 0) if known else 0,
        source == "estimated",
        source == "unknown",
        saved is not None,
        (saved.cost or 0) if saved is not None else 0,
        0,
        0,
    )


class _Group:
    """A Total in the making."""

    __slots__ = ("counts", "first", "latency")

    def __init__(self) -> None:
        self.counts: list[int] = [0] * len(_FIELDS)
        self.latency = _Histogram()
        self.first = _Histogram()

    def add(self, row: tuple[int, ...], outcome: Outcome) -> None:
        counts = self.counts
        for index, value in enumerate(row):
            if value:
                counts[index] += value
        self.latency.add(outcome.ended - outcome.started)
        if outcome.first_chunk is not None:
            self.first.add(outcome.first_chunk - outcome.started)

    def pay(self, cost: Cost) -> None:
        if cost.nano_usd is None:
            self.counts[_UNPRICED] += 1
        else:
            self.counts[_NANO_USD] += cost.nano_usd

    def merge(self, other: _Group) -> None:
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.latency.merge(other.latency)
        self.first.merge(other.first)

    def frozen(self) -> Total:
        counts = dict(zip(_FIELDS, self.counts, strict=True))
        return Total(**counts, latency=self.latency.frozen(), first_chunk=self.first.frozen())


class _Bill(NamedTuple):
    """A call that is still to be priced: what its price depends on, and whose it is."""

    groups: Sequence[_Group]
    tokens: Tokens
    model: str
    provider: str
    host: str
    tier: str | None
    at: float

    def cost(self, prices: Prices) -> Cost:
        """Its price."""
        return prices.cost(
            self.tokens, model=self.model, provider=self.provider, host=self.host, tier=self.tier, at=self.at
        )


def _bill(groups: Sequence[_Group], call: Call, outcome: Outcome, model: str) -> _Bill:
    site = call.family.site(call.client)
    return _Bill(groups, outcome.tokens, model, site.provider, site.host, outcome.facts.service_tier, time.time())


def free(outcome: Outcome) -> bool:
    """Whether nothing is billed: the call was answered from a cache, or with an error."""
    if outcome.served is not None and outcome.served.saved is not None:
        return True
    return outcome.tokens is UNKNOWN and outcome.ending in ("failed", "refused")


def _nothing() -> int:
    return 0


def _unknown() -> None:
    return None


class Totals:
    """Counts every call of one wrapping.

    Args:
        prices: what calls cost that come without an account. They are priced together, when somebody asks for the
            totals or many have come together: the price list is loaded beside no call that nobody observes.
    """

    def __init__(self, prices: Prices | None = None) -> None:
        self._lock = Lock()
        self._prices = prices
        self._models: dict[str, _Group] = {}
        self._tags: dict[str, dict[str, _Group]] = {}
        self._values = 0
        self._bills: deque[_Bill] = deque()

    def add(self, call: Call, outcome: Outcome) -> None:
        """Count a call that is over."""
        name = outcome.facts.model
        if name is None:
            asked = call.body.get("model")
            name = asked if isinstance(asked, str) else call.endpoint.operation
        row = _row(call.endpoint.model, outcome)
        with self._lock:
            group = self._models.get(name)
            if group is None:
                group = self._group(self._models, name, len(self._models))
            group.add(row, outcome)
            groups = [group, *self._tagged(call.tags, row, outcome)] if call.tags else [group]
            if call.endpoint.model and self._prices is not None:
                self._charge(groups, call, outcome, name)
        if len(self._bills) >= _MOST_PENDING:
            self._settle()

    def _charge(self, groups: list[_Group], call: Call, outcome: Outcome, model: str) -> None:
        if free(outcome):
            return
        if outcome.account is not None:
            for group in groups:
                group.pay(outcome.account.cost)
            return
        self._bills.append(_bill(groups, call, outcome, model))

    def price(self, call: Call, outcome: Outcome) -> Callable[[], int | None]:
        """Finds, when asked, what a call has cost in nano-dollars: the price list may still have to be read."""
        prices, account = self._prices, outcome.account
        if free(outcome):
            return _nothing
        if account is not None:
            cost = account.cost.nano_usd
            return lambda: cost
        if prices is None or not call.endpoint.model:
            return _unknown
        asked = call.body.get("model")
        bill = _bill((), call, outcome, outcome.facts.model or (asked if isinstance(asked, str) else ""))
        return lambda: bill.cost(prices).nano_usd

    def _settle(self) -> None:
        """Price what has come together."""
        bills = self._bills
        while bills and self._prices is not None:
            try:
                bill = bills.popleft()
            except IndexError:  # another thread was quicker
                return
            cost = bill.cost(self._prices)
            with self._lock:
                for group in bill.groups:
                    group.pay(cost)

    def _tagged(self, tags: Mapping[str, Any], row: tuple[int, ...], outcome: Outcome) -> Iterator[_Group]:
        for key, value in tags.items():
            values = self._tags.get(key)
            if values is None:
                if len(self._tags) >= _MOST_GROUPS:
                    continue
                values = self._tags[key] = {}
            known = len(values)
            group = self._group(values, str(value), self._values)
            group.add(row, outcome)
            self._values += len(values) - known
            yield group

    def _group(self, groups: dict[str, _Group], name: str, known: int) -> _Group:
        group = groups.get(name)
        if group is None:
            name = OTHER if known >= _MOST_GROUPS else name
            group = groups.setdefault(name, _Group())
        return group

    def frozen(self) -> Usage:
        """The totals now."""
        self._settle()
        total = _Group()
        with self._lock:
            for group in self._models.values():
                total.merge(group)
            models = {name: group.frozen() for name, group in self._models.items()}
            tags = {
                key: MappingProxyType({name: group.frozen() for name, group in values.items()})
                for key, values in self._tags.items()
            }
        return Usage(total.frozen(), MappingProxyType(models), MappingProxyType(tags))
