"""Who owns a call's span: the rules alone. The real instrumentors are met in tests/peers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tokeneff import _duplicates as duplicates
from tokeneff._duplicates import above

INFERENCE = "opentelemetry.genai.client.inference.context"
EMBEDDING = "opentelemetry.genai.client.embedding.context"


class Spans:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def current(self, scope: str = "app", **attributes: Any) -> Any:
        names = {name.replace("__", "."): value for name, value in attributes.items()}
        return self.provider.get_tracer(scope).start_as_current_span("theirs", attributes=names)

    @property
    def done(self) -> list[dict[str, Any]]:
        return [dict(span.attributes or {}) for span in self.exporter.get_finished_spans()]


@pytest.fixture
def spans() -> Spans:
    return Spans()


@contextmanager
def put(key: str, value: object) -> Iterator[None]:
    """``value`` in the current context."""
    token = otel_context.attach(otel_context.set_value(key, value))
    try:
        yield
    finally:
        otel_context.detach(token)


@dataclass
class InferenceData:
    """As in opentelemetry-util-genai."""

    usage_input_tokens: int | None = None
    usage_cache_read_input_tokens: int | None = None
    response_finish_reasons: list[str] | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


def module(name: str, source: str) -> dict[str, Any]:
    """The globals of code that believes to be the module ``name``."""
    made = ModuleType(name)
    exec(source, made.__dict__)
    return made.__dict__


# -- no owner -----------------------------------------------------------------------------------------------------


def test_nobody_owns_a_call_made_in_no_span() -> None:
    assert duplicates.owner("chat") is None


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"gen_ai__operation__name": "invoke_agent"},
        {"gen_ai__operation__name": "execute_tool"},
        {"gen_ai__operation__name": "embeddings"},
        {"openinference__span__kind": "AGENT"},
        {"openinference__span__kind": "CHAIN"},
        {"langfuse__observation__type": "agent"},
    ],
)
def test_a_span_around_the_call_that_is_not_the_call_is_no_owner(spans: Spans, attributes: dict[str, str]) -> None:
    with spans.current("opentelemetry.instrumentation.genai.openai", **attributes):
        assert duplicates.owner("chat") is None


def test_our_own_span_is_no_owner_of_a_call_within(spans: Spans) -> None:
    with spans.current("tokeneff", gen_ai__operation__name="chat"):
        assert duplicates.owner("chat") is None


def test_a_span_that_is_over_is_no_owner(spans: Spans) -> None:
    with spans.current(gen_ai__operation__name="chat") as span:
        span.end()
        assert duplicates.owner("chat") is None
        with put(INFERENCE, InferenceData()):
            assert duplicates.owner("chat") is None


def test_an_instrumentor_without_a_provider_is_no_owner() -> None:
    with trace.use_span(trace.NoOpTracer().start_span("chat")), put(INFERENCE, InferenceData()):
        assert duplicates.owner("chat") is None


# -- owners above -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "attributes"),
    [
        ("chat", {"gen_ai__operation__name": "chat"}),
        ("text_completion", {"gen_ai__operation__name": "text_completion"}),
        ("embeddings", {"gen_ai__operation__name": "embeddings"}),
        ("chat", {"openinference__span__kind": "LLM"}),
        ("embeddings", {"openinference__span__kind": "EMBEDDING"}),
        ("chat", {"langfuse__observation__type": "generation"}),
    ],
)
def test_an_open_span_of_the_same_operation_owns_one_call(
    spans: Spans, operation: str, attributes: dict[str, str]
) -> None:
    with spans.current("some.framework", **attributes) as span:
        owner = duplicates.owner(operation)
        assert owner == above.Owner("some.framework", span)
        owner.record({"gen_ai.usage.input_tokens": 7})
        owner.event("tokeneff.attempt", {"http.response.status_code": 429}, 5)
        assert duplicates.owner(operation) is None
    assert spans.done[0]["gen_ai.usage.input_tokens"] == 7
    [event] = spans.exporter.get_finished_spans()[0].events
    assert (event.name, event.timestamp, dict(event.attributes or {})) == (
        "tokeneff.attempt",
        5,
        {"http.response.status_code": 429},
    )
    owner.record({"gen_ai.usage.input_tokens": 8})
    assert len(spans.done) == 1


def test_open_telemetrys_own_instrumentors_are_known_to_record_metrics(spans: Spans) -> None:
    with spans.current("opentelemetry.instrumentation.openai_v2", gen_ai__operation__name="chat"):
        owner = duplicates.owner("chat")
        assert owner is not None
        assert owner.metrics


@pytest.mark.parametrize("operation", ["chat", "text_completion"])
def test_counts_are_published_to_who_owns_the_inference(operation: str) -> None:
    data = InferenceData()
    with put(INFERENCE, data):
        assert duplicates.owner("embeddings") is None
        assert duplicates.owner(operation) is not None
        owner = duplicates.owner(operation)
    assert owner == above.Owner("opentelemetry.util.genai", None, data, metrics=True)
    owner.record(
        {
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.cache_read.input_tokens": 2,
            "gen_ai.response.finish_reasons": ("stop",),
            "gen_ai.unheard.of": 1,
            "tokeneff.ending": "read",
        }
    )
    assert data == InferenceData(7, 2, ["stop"], {"tokeneff.ending": "read"})


def test_counts_are_not_put_on_a_span_between_the_owner_and_us(spans: Spans) -> None:
    data = InferenceData()
    with put(INFERENCE, data), spans.current():
        owner = duplicates.owner("chat")
        assert owner == above.Owner("opentelemetry.util.genai", None, data, metrics=True)
        owner.record({"gen_ai.usage.input_tokens": 7})
    assert (data.usage_input_tokens, spans.done) == (7, [{}])


def test_estimates_are_published_beside_the_counts(spans: Spans) -> None:
    data = InferenceData()
    with put(INFERENCE, data):
        owner = duplicates.owner("chat")
    assert owner is not None
    owner.record({"gen_ai.usage.input_tokens": 7}, ["gen_ai.usage.input_tokens"])
    assert data == InferenceData(None, None, None, {"gen_ai.usage.input_tokens": 7})


def test_embeddings_have_a_context_of_their_own() -> None:
    with put(EMBEDDING, InferenceData()):
        assert duplicates.owner("chat") is None
        assert duplicates.owner("embeddings") is not None


@pytest.mark.parametrize(
    "key",
    [
        otel_context._SUPPRESS_INSTRUMENTATION_KEY,  # pyright: ignore[reportPrivateUsage]
        "suppress_instrumentation",
        "suppress_language_model_instrumentation",
    ],
    ids=["api", "plain", "models"],  # the API's own key is random
)
def test_who_suppresses_owns(spans: Spans, key: str) -> None:
    with put(key, True):
        assert duplicates.owner("chat") == above.Owner("suppressed", metrics=True)
    with spans.current(gen_ai__operation__name="chat") as span, put(key, True):
        assert duplicates.owner("chat") == above.Owner("suppressed", span, metrics=True)


# -- wrappers whose span is not the current one -------------------------------------------------------------------

WRAPPER = "def call(inner, span=None, tracer=None):\n    return inner()"


def under(monkeypatch: pytest.MonkeyPatch, name: str, **variables: Any) -> Any:
    """What ``owner`` says in a call by an SDK that the wrapper ``name`` is around."""
    wrapper = module(name, WRAPPER)
    sdk = module("openai.resources.responses", "def create(owner):\n    return owner('chat')")
    raw = variables.pop("raw_stream", False)
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    return wrapper["call"](
        lambda: sdk["create"](lambda operation: duplicates.owner(operation, raw_stream=raw)), **variables
    )


@pytest.fixture(autouse=True)
def _this_file_is_an_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    # The lambda above stands for the SDK's code, between the wrapper and us.
    monkeypatch.setattr(above, "_SDKS", above._SDKS | {__name__.partition(".")[0]})  # pyright: ignore[reportPrivateUsage]


def test_a_wrapper_that_loses_its_spans_is_muted(monkeypatch: pytest.MonkeyPatch, spans: Spans) -> None:
    span = spans.provider.get_tracer("x").start_span("anthropic.chat")
    owner = under(monkeypatch, "opentelemetry.instrumentation.anthropic", span=span)
    assert owner == above.Owner("opentelemetry.instrumentation.anthropic", traces=False, metrics=True)
    owner.record({"a": 1})
    span.end()
    assert spans.done == []


def test_a_wrapper_that_keeps_its_span_to_itself_is_added_to(monkeypatch: pytest.MonkeyPatch, spans: Spans) -> None:
    class WithSpan:
        _span = spans.provider.get_tracer("x").start_span("messages.stream")

    owner = under(monkeypatch, "openinference.instrumentation.anthropic._wrappers", span=WithSpan())
    owner.record({"a": 1})
    WithSpan._span.end()
    assert spans.done == [{"a": 1}]


def test_a_wrapper_that_makes_its_span_from_the_reply(monkeypatch: pytest.MonkeyPatch, spans: Spans) -> None:
    name = "opentelemetry.instrumentation.openai.v1.responses_wrappers"
    tracer = spans.provider.get_tracer("x")
    assert under(monkeypatch, name, tracer=tracer) == above.Owner(name, late=True)
    assert under(monkeypatch, name, tracer=tracer, raw_stream=True) is None
    assert under(monkeypatch, name, tracer=trace.NoOpTracer()) is None


def test_a_wrapper_further_out_than_the_callers_code_is_not_around_this_call(
    monkeypatch: pytest.MonkeyPatch, spans: Spans
) -> None:
    user = module("users_agent", "def step(inner):\n    return inner()")
    wrapper = module("opentelemetry.instrumentation.anthropic", WRAPPER)
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.anthropic", ModuleType("x"))
    span = spans.provider.get_tracer("x").start_span("anthropic.chat")
    assert wrapper["call"](lambda: user["step"](lambda: duplicates.owner("chat")), span=span) is None
    span.end()
    assert len(spans.done) == 1


# -- their span's end ---------------------------------------------------------------------------------------------


def test_what_is_known_when_they_end_their_span_is_added(spans: Spans) -> None:
    with spans.current(gen_ai__operation__name="chat"):
        owner = duplicates.owner("chat")
        assert owner is not None
        owner.before_end(lambda: owner.record({"tokeneff.ending": "broken_off"}) or True)
    assert spans.done == [{"gen_ai.operation.name": "chat", "tokeneff.ending": "broken_off"}]


def test_a_span_that_ends_after_the_call_is_told_no_more(spans: Spans) -> None:
    told: list[int] = []
    with spans.current(gen_ai__operation__name="chat"):
        owner = duplicates.owner("chat")
        assert owner is not None
        owner.before_end(lambda: bool(told.append(1)))
        owner.finish("broken_off")
    assert (told, len(spans.done)) == ([], 1)


def test_a_span_that_would_end_before_the_reply_is_read_ends_with_the_call(spans: Spans) -> None:
    with spans.current(gen_ai__operation__name="chat"):
        owner = duplicates.owner("chat")
        assert owner is not None
        owner.before_end(lambda: False)
    assert spans.done == []
    owner.record({"gen_ai.usage.input_tokens": 7})
    owner.finish("read")
    assert spans.done == [{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7}]


def test_a_fault_of_ours_does_not_keep_their_span_from_ending(spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
    with spans.current(gen_ai__operation__name="chat"):
        owner = duplicates.owner("chat")
        assert owner is not None
        owner.before_end(lambda: {}["nothing"])  # pyright: ignore[reportArgumentType]
    assert len(spans.done) == 1


@pytest.mark.parametrize(("ending", "exported"), [("dropped", 1), ("read", 0), ("broken_off", 0)])
def test_their_span_of_a_dropped_stream_is_ended_for_them(spans: Spans, ending: str, exported: int) -> None:
    span = spans.provider.get_tracer("x").start_span("chat", attributes={"gen_ai.operation.name": "chat"})
    with trace.use_span(span):
        owner = duplicates.owner("chat")
    assert owner is not None
    owner.finish(ending)
    assert len(spans.done) == exported


# -- peers beneath ------------------------------------------------------------------------------------------------

LOGFIRE = """
from functools import wraps
def instrument(original):
    @wraps(original)
    def instrumented(*args, **kwargs):
        return "logfire's " + original(*args, **kwargs)
    return instrumented
"""


def sdk_client() -> Any:
    return module("openai._base_client", "class Client:\n    def request(self):\n        return 'the reply'")["Client"]


def test_a_patched_request_is_passed_by() -> None:
    logfire = module("logfire._internal.llm_provider", LOGFIRE)
    other = module("another.tool", LOGFIRE)
    client = sdk_client()
    assert duplicates.unpatched(client().request)() == "the reply"
    client.request = logfire["instrument"](client.request)
    assert client().request() == "logfire's the reply"
    assert duplicates.unpatched(client().request)() == "the reply"
    client.request = other["instrument"](client.request)
    assert duplicates.unpatched(client().request)() == "logfire's logfire's the reply"


def test_a_patched_request_beneath_a_users_own_is_suppressed() -> None:
    logfire = module("logfire._internal.llm_provider", LOGFIRE)
    client = sdk_client()
    theirs = type("Theirs", (client,), {"request": lambda self: "their " + super(theirs, self).request()})
    context = otel_context.get_current()
    key = "suppress_instrumentation"
    assert duplicates.claim(context, theirs().request).get(key) is None
    client.request = logfire["instrument"](client.request)
    assert duplicates.claim(context, theirs().request)[key] is True
    assert duplicates.claim(context, duplicates.unpatched(client().request)).get(key) is None


def test_anthropics_tracer_relays_our_span_in_our_calls_only(spans: Spans) -> None:
    native = spans.provider.get_tracer("com.anthropic.sdk.python")
    assert duplicates.relay(native) is native
    with spans.current("tokeneff") as ours:
        context = duplicates.claim(otel_context.get_current(), sdk_client()().request)
        token = otel_context.attach(context)
        tracer = duplicates.relay(native)
        span = tracer.start_span("anthropic.messages.create", kind=trace.SpanKind.CLIENT, attributes={"a": 1})
        assert duplicates.relay(None) is None
        otel_context.detach(token)
    assert (span.is_recording(), span.get_span_context()) == (False, ours.get_span_context())
    assert duplicates.relay(native) is native


def test_logfires_request_does_not_travel_to_a_copy() -> None:
    state = {"request": 1, "_original_request_method": 2, "_is_instrumented_by_logfire": True, "max_retries": 3}
    duplicates.forget_patches(state)
    assert state == {"max_retries": 3}
    users = {"request": 1}
    duplicates.forget_patches(users)
    assert users == {"request": 1}


def test_it_loads_no_peer_and_no_sdk() -> None:
    code = (
        "import sys, tokeneff._duplicates; "
        "print([m for m in sys.modules if m.split('.')[0] in ('openai', 'anthropic', 'wrapt', 'logfire') "
        "or m.startswith(('opentelemetry.sdk', 'opentelemetry.instrumentation', 'opentelemetry.util.genai'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
