"""The conventions' metrics, in the dialect shipped today and in that of the main line.

Histograms are recorded as calls end. The main line's counters are observed when a reader collects, from sums kept
here: a counter's ``add`` costs as much as a histogram's ``record``, and there are five.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Histogram, Meter, MeterProvider, Observation

from tokeneff._flow import Call, Outcome, Tokens
from tokeneff._version import __version__
from tokeneff.telemetry import names

_MOST_SERIES = 2000
"""As many attribute sets as the SDK keeps for an instrument by default; what comes after is one series, "overflow"."""
_OVERFLOW: dict[str, Any] = {"otel.metric.overflow": True}

INFERENCE = frozenset(("chat", "text_completion", "generate_content"))
_COUNTED = ("input_tokens", "output_tokens", "cache_read", "cache_write", "reasoning")
_COUNTER_NAMES = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read": "cache_read.input_tokens",
    "cache_write": "cache_write.input_tokens",
    "reasoning": "reasoning.output_tokens",
}
_MODALITIES: dict[str, tuple[tuple[str, str], ...]] = {
    "input_tokens": (("text", "text_input"), ("image", "image_input"), ("audio", "audio_input")),
    "output_tokens": (("text", "text_output"), ("image", "image_output"), ("audio", "audio_output")),
    "cache_read": (("text", "text_cache_read"), ("image", "image_cache_read"), ("audio", "audio_cache_read")),
}
_NOTHING = Context()
"""Recorded in an empty context a measurement takes no exemplar, which a duration has already given the trace's."""


class _Sums:
    """Sums of one observed counter, by attributes."""

    __slots__ = ("_lock", "_sums")

    def __init__(self, meter: Meter, name: str) -> None:
        self._sums: dict[tuple[Any, ...], tuple[dict[str, Any], int]] = {}
        self._lock = Lock()
        meter.create_observable_counter(name, [self._observe], "{token}", "Tokens, as the provider counts them.")

    def add(self, key: tuple[Any, ...], dimensions: dict[str, Any], modality: str, value: int) -> None:
        key = (*key, modality)
        with self._lock:
            known = self._sums.get(key)
            if known is None:
                if len(self._sums) >= _MOST_SERIES:
                    key, dimensions = ("overflow",), _OVERFLOW
                    known = self._sums.get(key, (dimensions, 0))
                else:
                    known = ({**dimensions, names.TOKEN_MODALITY: modality}, 0)
            self._sums[key] = (known[0], known[1] + value)

    def _observe(self, options: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            sums = list(self._sums.values())
        return [Observation(value, attributes) for attributes, value in sums]


class Extra(NamedTuple):
    """What is particular to a wrapping: dimensions from tags, and whether nobody else records the shipped dialect."""

    dimensions: Mapping[str, Any]
    shipped: bool


class Instruments:
    """The instruments of one meter provider, shared by every wrapped client that reports to it."""

    def __init__(self, provider: MeterProvider) -> None:
        meter = provider.get_meter("tokeneff", __version__)
        seconds, tokens = names.SECONDS_BUCKETS, names.TOKEN_BUCKETS

        def histogram(name: str, unit: str, buckets: tuple[float, ...], text: str) -> Histogram:
            return meter.create_histogram(name, unit, text, explicit_bucket_boundaries_advisory=list(buckets))

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
        self.sums = {field: _Sums(meter, f"{inference}usage.{name}") for field, name in _COUNTER_NAMES.items()}

    def record(self, call: Call, outcome: Outcome, start: Mapping[str, Any], scope: Any, extra: Extra) -> None:
        """Record a call that is over. ``start`` are the attributes that its span began with."""
        dimensions = {**start, **extra.dimensions}
        if outcome.facts.model is not None:
            dimensions[names.RESPONSE_MODEL] = outcome.facts.model
        if outcome.facts.service_tier is not None and call.family.name == "openai":
            dimensions[names.SERVICE_TIER] = outcome.facts.service_tier
        failed = dimensions
        if outcome.failure is not None:
            failed = {**dimensions, names.ERROR_TYPE: outcome.failure.type}
        inference = call.endpoint.operation in INFERENCE
        if extra.shipped:
            self.duration.record(outcome.seconds, failed, scope)
        if inference:
            self.i_duration.record(outcome.seconds, failed, _NOTHING)
        if outcome.first_chunk is not None and call.stream:
            self._stream(outcome, dimensions, inference, extra.shipped)
        if call.endpoint.model:
            self._tokens(outcome, dimensions, failed, inference, extra.shipped)

    def _stream(self, outcome: Outcome, dimensions: dict[str, Any], inference: bool, shipped: bool) -> None:
        first, last = outcome.first_chunk or 0.0, outcome.last_chunk
        until = first - outcome.started
        # One value a stream, the mean over its chunks: a record per chunk is what makes the peers' streams slow.
        between = (last - first) / (outcome.chunks - 1) if last is not None and outcome.chunks > 1 else None
        for wanted, until_first, per_chunk in (
            (shipped, self.first, self.chunk),
            (inference, self.i_first, self.i_chunk),
        ):
            if wanted:
                until_first.record(until, dimensions, _NOTHING)
                if between is not None:
                    per_chunk.record(between, dimensions, _NOTHING)

    def _tokens(
        self, outcome: Outcome, dimensions: dict[str, Any], failed: dict[str, Any], inference: bool, shipped: bool
    ) -> None:
        tokens = outcome.tokens
        # The conventions leave estimates out of metrics: what no provider has counted is not recorded.
        sent = tokens.input_tokens if tokens.input_source == "provider" else None
        got = tokens.output_tokens if tokens.output_source == "provider" else None
        if shipped:
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
        key = tuple(dimensions.values())
        if sent is None and got is None and outcome.failure is not None:
            for field in ("input_tokens", "output_tokens"):
                self.sums[field].add(key, dimensions, "unknown", 0)
            return
        self._count(tokens, sent, got, key, dimensions)

    def _count(
        self, tokens: Tokens, sent: int | None, got: int | None, key: tuple[Any, ...], dimensions: dict[str, Any]
    ) -> None:
        totals = {
            "input_tokens": sent,
            "output_tokens": got,
            "cache_read": tokens.cache_read if sent is not None else None,
            "cache_write": tokens.cache_write if sent is not None else None,
            "reasoning": tokens.reasoning if got is not None else None,
        }
        for field, total in totals.items():
            if total is None or (not total and field not in ("input_tokens", "output_tokens")):
                continue
            rest = total
            for modality, part in _MODALITIES.get(field, ()):
                value = getattr(tokens, part)
                if value:
                    self.sums[field].add(key, dimensions, modality, min(value, rest))
                    rest -= min(value, rest)
            if rest or not total:
                # The rest of an input that tells some modalities apart is text; else nothing is known of it.
                self.sums[field].add(key, dimensions, "text" if rest != total else "unknown", rest)


_instruments: WeakKeyDictionary[Any, Instruments] = WeakKeyDictionary()
_lock = Lock()


def instruments(provider: MeterProvider) -> Instruments:
    """The instruments of ``provider``, made once."""
    found = _instruments.get(provider)
    if found is None:
        with _lock:
            found = _instruments.get(provider)
            if found is None:
                found = _instruments[provider] = Instruments(provider)
    return found
