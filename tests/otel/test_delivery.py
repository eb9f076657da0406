from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from otel_collectors import Collector, Dead, Silent, first, late, status

from tokeneff.otel import OtelSetup, configure_otel


def local(url: str, **arguments: Any) -> OtelSetup:
    """A set-up that sends only when told to."""
    return configure_otel(url, **{"set_global": False, "export_interval": 60, **arguments})


def make_spans(otel: OtelSetup, count: int) -> None:
    assert otel.tracer_provider is not None
    tracer = otel.tracer_provider.get_tracer("t")
    for n in range(count):
        tracer.start_span(f"s{n}").end()


def names(collector: Collector) -> list[str]:
    return [span["name"] for span in collector.spans]


def hexadecimal(encoded: str) -> str:
    import base64

    return base64.b64decode(encoded).hex()


def attributes(message: dict[str, Any]) -> dict[str, Any]:
    return {a["key"]: a["value"] for a in message.get("attributes", [])}


def test_a_span_arrives_whole() -> None:
    with (
        Collector() as collector,
        local(
            collector.url,
            service_name="shop",
            resource={"deployment.environment.name": "test", "service.name": "not this"},
            headers={"Authorization": "Bearer k"},
            metrics=False,
        ) as otel,
    ):
        assert otel.tracer_provider is not None
        assert otel.meter_provider is None
        tracer = otel.tracer_provider.get_tracer("scope", "1.2")
        other = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(1))
        parent = tracer.start_span("parent", kind=SpanKind.INTERNAL, start_time=1_000)
        child = tracer.start_span(
            "chat m",
            context=trace.set_span_in_context(parent),
            kind=SpanKind.CLIENT,
            attributes={"gen_ai.usage.input_tokens": 12, "finish": ["stop", "length"], "part": 0.5, "yes": True},
            links=[Link(other, {"why": "retry"})],
            start_time=2_000,
        )
        child.add_event("tokeneff.attempt", {"http.response.status_code": 429}, timestamp=2_500)
        child.set_status(Status(StatusCode.ERROR, "no"))
        child.end(end_time=3_000)
        parent.end(end_time=4_000)
        assert otel.flush()
        (received,) = collector.received
        assert (otel.sent_spans, otel.lost_spans) == (2, 0)
    assert received.path == "/v1/traces"
    assert received.headers["authorization"] == "Bearer k"
    assert received.resource["service.name"] == "shop"
    assert received.resource["deployment.environment.name"] == "test"
    (group,) = received.message["resourceSpans"]
    (scope,) = group["scopeSpans"]
    assert scope["scope"] == {"name": "scope", "version": "1.2"}
    assert [span["name"] for span in scope["spans"]] == ["chat m", "parent"]
    sent = scope["spans"][0]
    assert {key: value for key, value in sent.items() if key not in {"attributes", "links", "flags"}} == {
        "traceId": sent["traceId"],
        "spanId": sent["spanId"],
        "parentSpanId": scope["spans"][1]["spanId"],
        "name": "chat m",
        "kind": "SPAN_KIND_CLIENT",
        "startTimeUnixNano": "2000",
        "endTimeUnixNano": "3000",
        "events": [
            {
                "timeUnixNano": "2500",
                "name": "tokeneff.attempt",
                "attributes": [{"key": "http.response.status_code", "value": {"intValue": "429"}}],
            }
        ],
        "status": {"code": "STATUS_CODE_ERROR", "message": "no"},
    }
    assert hexadecimal(sent["traceId"]) == f"{child.get_span_context().trace_id:032x}"
    assert hexadecimal(sent["spanId"]) == f"{child.get_span_context().span_id:016x}"
    assert attributes(sent) == {
        "gen_ai.usage.input_tokens": {"intValue": "12"},
        "finish": {"arrayValue": {"values": [{"stringValue": "stop"}, {"stringValue": "length"}]}},
        "part": {"doubleValue": 0.5},
        "yes": {"boolValue": True},
    }
    (link,) = sent["links"]
    assert (hexadecimal(link["traceId"]), hexadecimal(link["spanId"])) == (f"{0xABC:032x}", f"{0xDEF:016x}")
    assert attributes(link) == {"why": {"stringValue": "retry"}}


def test_metrics_arrive_whole_with_the_buckets_that_the_instrument_advises() -> None:
    with Collector() as collector, local(collector.url, traces=False) as otel:
        assert otel.meter_provider is not None
        assert otel.tracer_provider is None
        meter = otel.meter_provider.get_meter("scope")
        histogram = meter.create_histogram(
            "duration", unit="s", description="how long", explicit_bucket_boundaries_advisory=[0.5, 1, 2]
        )
        for seconds in (0.2, 0.7, 5):
            histogram.record(seconds, {"model": "m"})
        meter.create_counter("tokens", unit="{token}").add(7, {"model": "m"})
        assert otel.flush()
        (received,) = collector.received
    assert received.path == "/v1/metrics"
    by_name = {metric["name"]: metric for metric in received.metrics}
    assert set(by_name) == {"duration", "tokens"}
    (point,) = by_name["duration"]["histogram"].pop("dataPoints")
    assert by_name["duration"] == {
        "name": "duration",
        "unit": "s",
        "description": "how long",
        "histogram": {"aggregationTemporality": "AGGREGATION_TEMPORALITY_CUMULATIVE"},
    }
    assert {
        key: value for key, value in point.items() if not key.endswith("TimeUnixNano") and key != "timeUnixNano"
    } == {
        "attributes": [{"key": "model", "value": {"stringValue": "m"}}],
        "count": "3",
        "sum": 5.9,
        "min": 0.2,
        "max": 5.0,
        "explicitBounds": [0.5, 1.0, 2.0],
        "bucketCounts": ["1", "1", "0", "1"],
    }
    (total,) = by_name["tokens"]["sum"]["dataPoints"]
    assert (total["asInt"], by_name["tokens"]["sum"]["isMonotonic"]) == ("7", True)


def test_temporality_and_compression_follow_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "DELTA")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=blue")
    with Collector() as collector, local(collector.url) as otel:
        assert otel.meter_provider is not None
        otel.meter_provider.get_meter("m").create_counter("c").add(1)
        make_spans(otel, 1)
        assert otel.flush()
        (metric,) = collector.metrics
        assert metric["sum"]["aggregationTemporality"] == "AGGREGATION_TEMPORALITY_DELTA"
        assert {(r.headers["content-encoding"], r.headers["x-team"]) for r in collector.received} == {("gzip", "blue")}


def test_many_spans_all_arrive_once_and_in_order() -> None:
    with Collector() as collector, local(collector.url, queue_size=20_000, metrics=False) as otel:
        make_spans(otel, 5_000)
        assert otel.shutdown(timeout=30)
        assert names(collector) == [f"s{n}" for n in range(5_000)]
        assert (otel.sent_spans, otel.lost_spans) == (5_000, 0)


def test_a_full_batch_goes_at_once_and_the_rest_at_the_interval() -> None:
    with Collector() as collector:
        with local(collector.url, metrics=False) as otel:
            make_spans(otel, 512)
            collector.wait(lambda c: len(c.spans) == 512)
        with local(collector.url, metrics=False, export_interval=0.05) as otel:
            make_spans(otel, 3)
            collector.wait(lambda c: len(c.spans) == 515)


def test_spans_that_are_not_sampled_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with Collector() as collector, local(collector.url, metrics=False) as otel:
        make_spans(otel, 10)
        assert otel.flush()
        assert (collector.received, otel.sent_spans, otel.lost_spans) == ([], 0, 0)


def test_spans_that_are_recorded_but_not_sampled_stay() -> None:
    class RecordOnly(Sampler):
        def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
            return SamplingResult(Decision.RECORD_ONLY)

        def get_description(self) -> str:
            return "RecordOnly"

    with Collector() as collector, local(collector.url, metrics=False) as otel:
        assert otel.tracer_provider is not None
        otel.tracer_provider.sampler = RecordOnly()
        assert otel.tracer_provider.get_tracer("t").start_span("s").is_recording()
        make_spans(otel, 10)
        assert otel.flush()
        assert (collector.received, otel.sent_spans, otel.lost_spans) == ([], 0, 0)


def test_what_a_collector_refuses_for_a_moment_arrives_later() -> None:
    with Collector(first(status(503, retry_after="0.1"), 2)) as collector, local(collector.url, metrics=False) as otel:
        make_spans(otel, 5)
        assert otel.flush(timeout=20)
        assert names(collector)[-5:] == [f"s{n}" for n in range(5)]
        assert (len(collector.received), otel.sent_spans, otel.lost_spans) == (3, 5, 0)


def test_shutdown_cuts_the_pause_before_a_retry_short_and_tries_once_more() -> None:
    with Collector(first(status(503, retry_after="9"))) as collector:
        otel = local(collector.url, metrics=False, timeout=30)
        make_spans(otel, 512)
        collector.wait(lambda c: len(c.received) == 1)
        time.sleep(0.1)
        make_spans(otel, 2)
        started = time.monotonic()
        assert otel.shutdown(timeout=8)
        assert time.monotonic() - started < 5
        assert names(collector)[512:] == [*(f"s{n}" for n in range(512)), "s0", "s1"]
        assert (otel.sent_spans, otel.lost_spans) == (514, 0)


def test_what_does_not_fit_the_queue_is_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with Silent() as collector:
        otel = local(collector.url, metrics=False, queue_size=10)
        make_spans(otel, 500)
        assert otel.lost_spans >= 480
        assert not otel.shutdown(timeout=0.2)
        make_spans(otel, 5)
        assert not otel.shutdown(timeout=0.2)
        assert (otel.sent_spans, otel.lost_spans) == (0, 505)
        assert not otel.active
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("tokeneff", logging.WARNING)
    reasons = ("the process ended before they were taken", "TimeoutError: timed out")  # as the request was under way
    assert record.getMessage() in [
        f"Spans, 500 so far, did not reach {collector.url}/v1/traces: {reason}. "
        "Calls go on, further losses are not logged."
        for reason in reasons
    ]


def test_every_span_is_either_sent_or_lost(caplog: pytest.LogCaptureFixture) -> None:
    with Collector(late(0.1)) as collector:
        otel = local(collector.url, metrics=False, queue_size=600)
        make_spans(otel, 2_000)
        assert otel.flush(timeout=20)
        assert otel.sent_spans + otel.lost_spans == 2_000
        assert len(collector.spans) == otel.sent_spans
        assert otel.sent_spans >= 600
        assert otel.shutdown()
    (record,) = caplog.records
    assert f"Spans, {otel.lost_spans} so far," in record.getMessage()
    assert "the queue of 600 is full, the collector takes them too slowly" in record.getMessage()


def test_the_log_holds_no_secret_of_the_address(caplog: pytest.LogCaptureFixture) -> None:
    with Dead() as collector:
        otel = local(collector.url.replace("//", "//user:secret@") + "?key=secret", timeout=0.5)
        make_spans(otel, 1)
        assert otel.meter_provider is not None
        otel.meter_provider.get_meter("m").create_counter("c").add(1)
        assert not otel.shutdown()
        assert "secret" not in repr(otel)
    assert len(caplog.records) == 2
    assert "secret" not in caplog.text


def test_a_flush_waits_no_longer_than_told() -> None:
    with Silent() as collector:
        otel = local(collector.url)
        make_spans(otel, 3)
        assert otel.tracer_provider is not None
        assert otel.meter_provider is not None
        started = time.monotonic()
        assert not otel.flush(timeout=0.1)
        assert not otel.tracer_provider.force_flush(100)
        assert otel.meter_provider.force_flush(100)  # its own signature promises True
        assert time.monotonic() - started < 3
        started = time.monotonic()
        otel.tracer_provider.shutdown()
        otel.meter_provider.shutdown()
        assert time.monotonic() - started < 4
        assert not otel.active
        assert not otel.shutdown()


def test_shutdown_also_ends_what_the_application_added() -> None:
    class Added(InMemorySpanExporter):
        ended = 0

        def shutdown(self) -> None:
            self.ended += 1

    added = Added()
    with Collector() as collector:
        with local(collector.url) as otel:
            assert otel.tracer_provider is not None
            otel.tracer_provider.add_span_processor(SimpleSpanProcessor(added))
            make_spans(otel, 1)
        otel.shutdown()
        assert (added.ended, names(collector), len(added.get_finished_spans())) == (1, ["s0"], 1)


def test_sending_is_not_itself_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    seen: list[object] = []
    real = requests.Session.request

    def request(self: requests.Session, *args: Any, **kwargs: Any) -> requests.Response:
        seen.append(context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(requests.Session, "request", request)
    with Collector() as collector, local(collector.url) as otel:
        make_spans(otel, 1)
    assert seen == [True]
