"""Prepared histograms tell readers what the SDK's own would."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import (
    DropAggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)
from opentelemetry.sdk.version import __version__
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from tokeneff.telemetry import prepared as module
from tokeneff.telemetry.prepared import Prepared, prepared

BUCKETS = [0.01 * 2**n for n in range(14)]
SAMPLED = trace.set_span_in_context(
    NonRecordingSpan(SpanContext(7, 9, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))), Context()
)
CONTEXTS = (None, Context({"no": "span"}), SAMPLED)
ATTRIBUTES = (
    {"model": "m", "port": 1},
    {"model": "m", "port": True},
    {"model": "m", "port": 1.0},
    {"port": 1, "model": "m"},
    {"model": "other", "port": 1, "tag": "a"},
    {},
)
VIEWS: dict[str, list[View]] = {
    "none": [],
    "fewer attributes": [View(instrument_name="h", attribute_keys={"model"})],
    "two": [View(instrument_name="h"), View(instrument_name="h", name="again", attribute_keys={"port"})],
    "exponential": [View(instrument_name="h", aggregation=ExponentialBucketHistogramAggregation())],
    "dropped": [View(instrument_name="h", aggregation=DropAggregation())],
    "few series": [View(instrument_name="h", aggregation=ExplicitBucketHistogramAggregation([1.0]))],
}
STEPS = st.lists(
    st.one_of(
        st.tuples(st.floats(-1, 300), st.sampled_from(ATTRIBUTES), st.sampled_from(CONTEXTS)),
        st.sampled_from(["collect", "another reader"]),
    ),
    max_size=25,
)


class Told:
    """A meter provider of its own, and what its readers were told."""

    def __init__(self, views: list[View], delta: bool) -> None:
        self._delta = delta
        self._readers = [self._reader()]
        self.provider = MeterProvider(metric_readers=self._readers, views=views)
        meter = self.provider.get_meter("x")
        self.histogram: Any = meter.create_histogram("h", explicit_bucket_boundaries_advisory=BUCKETS)
        self.told: list[Any] = []

    def _reader(self) -> InMemoryMetricReader:
        return InMemoryMetricReader({Histogram: AggregationTemporality.DELTA} if self._delta else None)

    def step(self, step: Any, histogram: Any) -> None:
        if step == "another reader":
            self._readers.append(self._reader())
            self.provider.add_metric_reader(self._readers[-1])
        elif step == "collect":
            self.told.append([points(reader) for reader in self._readers])
        else:
            value, attributes, context = step
            histogram.record(value, dict(attributes), context)


def points(reader: InMemoryMetricReader) -> list[Any]:
    data = reader.get_metrics_data()
    metrics = [] if data is None else [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
    return [(metric.name, [point(found) for found in metric.data.data_points]) for metric in metrics]


def point(found: Any) -> dict[str, Any]:
    """A point but for its times, with the types of its attributes."""
    fields = {name: getattr(found, name) for name in found.__dataclass_fields__ if "time" not in name}
    fields["attributes"] = [(name, type(value), value) for name, value in found.attributes.items()]
    fields["exemplars"] = [(one.value, one.span_id, one.trace_id, one.filtered_attributes) for one in found.exemplars]
    return fields


@pytest.mark.parametrize("delta", [False, True], ids=["cumulative", "delta"])
@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
@settings(max_examples=40)
@given(steps=STEPS)
def test_readers_are_told_the_same(views: list[View], delta: bool, steps: list[Any]) -> None:
    own, ours = Told(views, delta), Told(views, delta)
    quick = prepared(ours.histogram)
    for step in [*steps, "collect"]:
        own.step(step, own.histogram)
        ours.step(step, quick)
    assert ours.told == own.told


def test_series_beyond_the_most_that_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 2)
    own, ours = Told([], delta=False), Told([], delta=False)
    quick = prepared(ours.histogram)
    for number in [*range(7), *range(7)]:
        own.step((number, {"n": number}, None), own.histogram)
        ours.step((number, {"n": number}, None), quick)
    assert points(ours._readers[0]) == points(own._readers[0])


def test_what_was_recorded_is_not_changed_later() -> None:
    told = Told([], delta=False)
    attributes: dict[str, Any] = {"model": "m"}
    quick = prepared(told.histogram)
    quick.record(1, attributes, SAMPLED)
    attributes["model"] = "other"
    quick.record(1, {"model": "m"}, None)
    (_, ((only),)) = points(told._readers[0])[0]
    assert (only["attributes"], only["count"]) == ([("model", str, "m")], 2)


def test_only_a_known_sdk_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    known = __version__.startswith(module._KNOWN_SDK)
    told = Told([], delta=False)
    assert (type(prepared(told.histogram)) is Prepared) == known
    none = NoOpMeterProvider().get_meter("x").create_histogram("h")
    assert prepared(none) is none
    monkeypatch.setattr(module, "_KNOWN_SDK", "0.1.")
    assert prepared(told.histogram) is told.histogram


def test_without_a_reader_nothing_is_kept() -> None:
    histogram = MeterProvider().get_meter("x").create_histogram("h")
    prepared(histogram).record(1, {"model": "m"}, None)
