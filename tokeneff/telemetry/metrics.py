"""The conventions' metrics, in the dialect shipped today and in that of the main line.

Calls are noted as they end, and recorded when a reader collects. The main line's counters are observed from sums kept
here: a counter's ``add`` costs as much as a histogram's ``record``, and there are five.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Histogram, MeterProvider, Observation

from tokeneff._flow import UNKNOWN, Call, Outcome, Tokens
from tokeneff._version import __version__
from tokeneff.prices import Cost
from tokeneff.telemetry import names
from tokeneff.telemetry.modalities import by_modality
from tokeneff.telemetry.prepared import Prepared, prepared
from tokeneff.telemetry.sums import Sums

if TYPE_CHECKING:
    from tokeneff._flow import Guard
    from tokeneff.telemetry.cache import CacheInstruments
    from tokeneff.telemetry.gauges import BudgetInstruments
    from tokeneff.telemetry.trimming import TrimInstruments

INFERENCE = frozenset(("chat", "text_completion", "generate_content"))
_COUNTER_NAMES = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read": "cache_read.input_tokens",
    "cache_write": "cache_write.input_tokens",
    "reasoning": "reasoning.output_tokens",
}
_MOST_PENDING = 256
"""Calls noted and not yet recorded, at most."""
_NOTHING = Context({"tokeneff.no_span": True})
"""Recorded in a context without a span a measurement takes no exemplar, which a duration has already given the
trace's. An empty one would be taken for none, and the current one looked up."""


class Extra(NamedTuple):
    """What is particular to a wrapping: dimensions from tags, and whether nobody else records the shipped dialect."""

    dimensions: Mapping[str, Any]
    shipped: bool


class _Ended(NamedTuple):
    """What is recorded of a call: nothing that holds on to its messages."""

    start: Mapping[str, Any]
    extra: Extra
    scope: Any
    seconds: float
    model: str | None
    tier: str | None
    error: str | None
    tokens: Tokens | None
    first: float | None
    between: float | None
    cost: Cost | None
    lost: tuple[str, int] | None
    """Why a cached prefix was lost, and how many tokens of it."""
    served: str | None
    """How a cache has answered it: no provider was waited for."""


class Instruments:
    """The instruments of one meter provider, shared by every wrapped client that reports to it.

    A record costs about as much as all that a call does here otherwise, and half of that is finding the SDK's code
    cold in the processor's caches. So calls are noted, and recorded together when a reader collects.
    """

    def __init__(self, provider: MeterProvider) -> None:
        meter = self._meter = provider.get_meter("tokeneff", __version__)
        seconds, tokens = names.SECONDS_BUCKETS, names.TOKEN_BUCKETS

        def histogram(name: str, unit: str, buckets: tuple[float, ...], text: str) -> Histogram | Prepared:
            return prepared(meter.create_histogram(name, unit, text, explicit_bucket_boundaries_advisory=list(buckets)))

        client = "gen_ai.client."
        self.duration = histogram(client + "operation.duration", "s", seconds, "Duration of a call, retries included.")
        self.first = histogram(client + "operation.time_to_first_chunk", "s", seconds, "Until a stream's first chunk.")
        self.chunk = histogram(client + "operation.time_per_output_chunk", "s", seconds, "Between a stream's chunks.")
        self.usage = histogram(client + "token.usage", "{token}", tokens, "Tokens of a call, by type.")
        inference = client + "inference."
        self.i_duration = histogram(inference + "duration", "s", seconds, "Duration of a call, retries included.")
        self.i_first = histogram(inference + "time_to_first_chunk", "s", seconds, "Until a stream's first chunk.")
        self.i_chunk = histogram(inference + "time_per_output_chunk", "s", seconds, "Between a stream's chunks.")
        self.i_input = histogram(inference + "operation.input_tokens", "{token}", tokens, "Input tokens of a call.")
        self.i_output = histogram(inference + "operation.output_tokens", "{token}", tokens, "Output tokens of a call.")
        self._pending: deque[_Ended] = deque()
        self.sums = Sums()
        text = "Tokens, as the provider counts them."
        for field, name in _COUNTER_NAMES.items():
            callback = partial(self._observe, field, names.TOKEN_MODALITY, None)
            meter.create_observable_counter(f"{inference}usage.{name}", [callback], "{token}", text)
        text = "Cost of calls, where it is known."  # integers are summed, of a billionth of a dollar each
        callback = partial(self._observe, "cost", names.COST_CONFIDENCE, 1e9)
        meter.create_observable_counter(names.COST_METRIC, [callback], "USD", text)
        callback = partial(self._observe, "unpriced", None, None)
        meter.create_observable_counter(names.UNPRICED_METRIC, [callback], "{call}", "Calls whose cost is not known.")
        text = "Tokens that were sent before, could have been read from the cache, and were not."
        callback = partial(self._observe, "lost", names.PREFIX_CAUSE, None)
        meter.create_observable_counter(names.LOST_METRIC, [callback], "{token}", text)
        self._budgets: BudgetInstruments | None = None
        self._cache: CacheInstruments | None = None
        self._trim: TrimInstruments | None = None

    def record(self, call: Call, outcome: Outcome, start: Mapping[str, Any], scope: Any, extra: Extra) -> None:
        """Take note of a call that is over; it is recorded when a reader next collects, or many have come together."""
        facts, failure, account = outcome.facts, outcome.failure, outcome.account
        prefix = None if account is None else account.prefix
        # Of what was not answered nothing is billed.
        billed = outcome.tokens is not UNKNOWN or outcome.ending not in ("failed", "refused")
        if outcome.guard is not None:
            self._budget(outcome.guard)
        served = outcome.served
        if served is not None:
            self._caching().add({**start, **extra.dimensions}, served)
        if outcome.placed is not None:
            self._caching().placed({**start, **extra.dimensions}, outcome.placed)
        if outcome.trimmed is not None:
            self._trimming().add({**start, **extra.dimensions}, outcome.trimmed)
        used = call.endpoint.model and (served is None or served.saved is None)
        first, last = outcome.first_chunk, outcome.last_chunk
        # One value a stream, the mean over its chunks: a record per chunk is what makes the peers' streams slow.
        between = (last - first) / (outcome.chunks - 1) if first and last and outcome.chunks > 1 else None
        self._pending.append(
            _Ended(
                start,
                extra,
                scope,
                outcome.ended - outcome.started,
                facts.model,
                facts.service_tier if call.family.name == "openai" else None,
                None if failure is None else failure.type,
                outcome.tokens if used else None,
                first - outcome.started if first and call.stream else None,
                between if call.stream else None,
                account.cost if account is not None and billed and used else None,
                (prefix.cause, prefix.lost) if prefix is not None and prefix.lost else None,
                served.said if served is not None and served.saved is not None else None,
            )
        )
        if len(self._pending) >= _MOST_PENDING:
            self.flush()

    def forget(self) -> None:
        """Drop what has been noted."""
        self._pending.clear()

    def flush(self) -> None:
        """Record what has been noted."""
        pending = self._pending
        while pending:
            try:
                ended = pending.popleft()
            except IndexError:  # another thread was quicker
                return
            self._record(ended)

    def _observe(
        self, field: str, by: str | None, unit: float | None, options: CallbackOptions
    ) -> Iterable[Observation]:
        # Readers run callbacks before they collect histograms, so what is recorded here is in this very collection.
        self.flush()
        return self.sums.observe(field, by, unit)

    def _budget(self, guard: Guard) -> None:
        budgets = self._budgets
        if budgets is None:
            from tokeneff.telemetry.gauges import BudgetInstruments

            with _lock:
                budgets = self._budgets = self._budgets or BudgetInstruments(self._meter)
        if guard.action:
            budgets.refused(guard)

    def _caching(self) -> CacheInstruments:
        cache = self._cache
        if cache is None:
            from tokeneff.telemetry.cache import CacheInstruments

            with _lock:
                cache = self._cache = self._cache or CacheInstruments(self._meter)
        return cache

    def _trimming(self) -> TrimInstruments:
        trim = self._trim
        if trim is None:
            from tokeneff.telemetry.trimming import TrimInstruments

            with _lock:
                trim = self._trim = self._trim or TrimInstruments(self._meter)
        return trim

    def _record(self, ended: _Ended) -> None:
        dimensions = {**ended.start, **ended.extra.dimensions}
        if ended.model is not None:
            dimensions[names.RESPONSE_MODEL] = ended.model
        if ended.served is not None:
            dimensions[names.CACHE_OUTCOME] = ended.served
        if ended.tier is not None:
            dimensions[names.SERVICE_TIER] = ended.tier
        failed = dimensions if ended.error is None else {**dimensions, names.ERROR_TYPE: ended.error}
        inference, shipped = dimensions[names.OPERATION] in INFERENCE, ended.extra.shipped
        if shipped:
            self.duration.record(ended.seconds, failed, ended.scope)
        if inference:
            self.i_duration.record(ended.seconds, failed, _NOTHING)
        if ended.first is not None:
            self._stream(ended, dimensions, inference)
        if ended.tokens is not None:
            self._tokens(ended, ended.tokens, dimensions, failed, inference)
        cost = ended.cost
        if cost is not None:
            nano = cost.nano_usd
            self.sums.add(dimensions, [("unpriced", "", 1) if nano is None else ("cost", cost.confidence, nano)])
        if ended.lost is not None:
            self.sums.add(dimensions, [("lost", *ended.lost)])

    def _stream(self, ended: _Ended, dimensions: dict[str, Any], inference: bool) -> None:
        for wanted, until_first, per_chunk in (
            (ended.extra.shipped, self.first, self.chunk),
            (inference, self.i_first, self.i_chunk),
        ):
            if wanted and ended.first is not None:
                until_first.record(ended.first, dimensions, _NOTHING)
                if ended.between is not None:
                    per_chunk.record(ended.between, dimensions, _NOTHING)

    def _tokens(
        self, ended: _Ended, tokens: Tokens, dimensions: dict[str, Any], failed: dict[str, Any], inference: bool
    ) -> None:
        # The conventions leave estimates out of metrics: what no provider has counted is not recorded.
        sent = tokens.input_tokens if tokens.input_source == "provider" else None
        got = tokens.output_tokens if tokens.output_source == "provider" else None
        if ended.extra.shipped:
            if sent is not None:
                self.usage.record(sent, {**dimensions, names.TOKEN_TYPE: "input"}, _NOTHING)
            if got is not None:
                self.usage.record(got, {**dimensions, names.TOKEN_TYPE: "output"}, _NOTHING)
        if not inference:
            return
        if sent is not None:
            self.i_input.record(sent, failed, _NOTHING)
        if got is not None:
            self.i_output.record(got, failed, _NOTHING)
        counts = by_modality(tokens, sent, got)
        if not counts and ended.error is not None:
            counts = [("input_tokens", "unknown", 0), ("output_tokens", "unknown", 0)]
        if counts:
            self.sums.add(dimensions, counts)


# By identity, for a provider need not be hashable (Logfire's is not); the reference tells when an id is free again.
_instruments: dict[int, tuple[Callable[[], Any], Instruments]] = {}
_lock = Lock()


def instruments(provider: MeterProvider) -> Instruments:
    """The instruments of ``provider``, made once."""
    known = _instruments.get(id(provider))
    if known is not None and known[0]() is provider:
        return known[1]
    with _lock:
        known = _instruments.get(id(provider))
        if known is None or known[0]() is not provider:
            known = _instruments[id(provider)] = (_reference(provider), Instruments(provider))
    return known[1]


def _reference(provider: Any) -> Callable[[], Any]:
    key = id(provider)
    try:
        return ref(provider, lambda _: _instruments.pop(key, None) and None)
    except TypeError:
        return lambda: provider


def _forget() -> None:
    """In a forked child: what the parent noted is the parent's to record."""
    for _, found in list(_instruments.values()):
        found.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
