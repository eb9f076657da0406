"""The global providers, and what is asked of the environment; each in a process of its own, since they stay."""

from __future__ import annotations

import pytest
from otel_collectors import Collector, run


def test_the_providers_become_the_global_ones_and_send_at_the_end() -> None:
    with Collector() as collector:
        ran = run(
            """
from opentelemetry import metrics, trace
otel = configure_otel(service_name="shop")
with trace.get_tracer("t").start_as_current_span("chat"): pass
metrics.get_meter("m").create_counter("c").add(2)
again = configure_otel(service_name="shop")
say(same=again is otel, mine=trace.get_tracer_provider() is otel.tracer_provider,
    meters=metrics.get_meter_provider() is otel.meter_provider)
""",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_RESOURCE_ATTRIBUTES="team=blue,service.name=other",
            OTEL_SERVICE_NAME="another",
        )
        assert (ran.said, ran.log) == ({"same": True, "mine": True, "meters": True}, "")
        assert [span["name"] for span in collector.spans] == ["chat"]
        assert [metric["name"] for metric in collector.metrics] == ["c"]
        assert {(r.resource["service.name"], r.resource["team"]) for r in collector.received} == {("shop", "blue")}


@pytest.mark.parametrize(
    ("before", "arguments", "says"),
    [
        (
            "from opentelemetry.sdk.trace import TracerProvider\ntrace.set_tracer_provider(TracerProvider())",
            "",
            "a global TracerProvider (opentelemetry.sdk.trace.TracerProvider) is set already",
        ),
        (
            "from opentelemetry.sdk.metrics import MeterProvider\nmetrics.set_meter_provider(MeterProvider())",
            "",
            "a global MeterProvider (opentelemetry.sdk.metrics._internal.MeterProvider) is set already",
        ),
        ("configure_otel('http://127.0.0.1:1')", "", "configure_otel has been called before with other settings"),
        ("configure_otel().shutdown()", "", "configure_otel has been called before and was shut down"),
        (
            "from opentelemetry.sdk.metrics import MeterProvider\nmetrics.set_meter_provider(MeterProvider())",
            "metrics=False",
            None,
        ),
        ("trace.get_tracer('early')", "", None),
    ],
)
def test_a_global_provider_of_others_is_never_silently_kept(before: str, arguments: str, says: str | None) -> None:
    ran = run(
        f"""
from opentelemetry import metrics, trace
from tokeneff.errors import TokeneffError
{before}
said = None
was = trace.get_tracer_provider()
try: configure_otel({arguments})
except TokeneffError as error: said = f"{{type(error).__name__}}: {{error}}"
local = configure_otel("http://127.0.0.1:2", set_global=False)
say(said=said, kept=said is None or trace.get_tracer_provider() is was, local=local.active)
"""
    )
    said = ran.said.pop("said")
    assert ran.said == {"kept": True, "local": True}
    if says is None:
        assert said is None
    else:
        assert said.startswith(f"OtelAlreadyConfigured: {says}")
        assert "set_global=False" in said


def test_disabled_makes_nothing_and_sends_nothing() -> None:
    with Collector() as collector:
        ran = run(
            """
import threading
otel = configure_otel()
span = otel.tracer_provider.get_tracer("t").start_span("s")
recording = span.is_recording()
span.end()
otel.meter_provider.get_meter("m").create_counter("c").add(1)
say(recording=recording, threads=threading.active_count(), flushed=otel.flush(), sdk="requests" in sys.modules)
""",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_SDK_DISABLED="true",
        )
        assert ran.said == {"recording": False, "threads": 1, "flushed": True, "sdk": False}
        assert collector.received == []


def test_a_missing_exporter_names_the_extra() -> None:
    ran = run(
        """
sys.modules["opentelemetry.exporter"] = None
try: configure_otel()
except ImportError as error: say(said=str(error))
"""
    )
    assert ran.said["said"].endswith("is not installed: pip install 'tokeneff[otlp]'")


def test_the_package_is_light_to_import() -> None:
    ran = run(
        "say(heavy=[m for m in ('opentelemetry.sdk', 'requests', 'httpx', 'multiprocessing') if m in sys.modules])"
    )
    assert ran.said == {"heavy": []}
