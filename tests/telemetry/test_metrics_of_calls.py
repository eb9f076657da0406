"""The metrics of calls: both dialects, their buckets and dimensions, and nothing counted twice."""

from __future__ import annotations

import os
from typing import Any

import pytest
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from telemetry_lab import Between, Lab, series
from telemetry_shapes import ASKED, CALLS, MODEL, SAID, TEXT, WITH_USAGE

import tokeneff
from tokeneff.testing import Reply, Usage, faults

SECONDS = [0.01 * 2**n for n in range(14)]
TOKENS = [float(4**n) for n in range(14)]
INFERENCE = "gen_ai.client.inference."
OPERATION = "gen_ai.client.operation."


def dimensions(lab: Lab, **more: Any) -> dict[str, Any]:
    found = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "server.address": "127.0.0.1",
        "server.port": lab.provider.port,
        "gen_ai.request.model": MODEL,
        "gen_ai.response.model": "model-2026",
        "openai.response.service_tier": "default",
    }
    return found | {name.replace("__", "."): value for name, value in more.items()}


def ask(lab: Lab, **wrap: Any) -> Any:
    client = lab.client("openai", **wrap)
    client.chat.completions.create(model=MODEL, messages=ASKED)
    return client


def test_both_dialects_of_one_streamed_call(lab: Lab) -> None:
    lab.provider.queue(TEXT)
    client = lab.client("openai")
    listed_ = list(client.chat.completions.create(model=MODEL, messages=ASKED, **WITH_USAGE))
    assert listed_

    metrics = lab.metrics()
    about = dimensions(lab)
    told = {
        name: (metric.unit, [series(point) for point in metric.data.data_points]) for name, metric in metrics.items()
    }
    some, unknown = Between(0, 60), {"gen_ai.token.modality": "unknown"}
    assert told == {
        OPERATION + "duration": ("s", [(about, some, 1)]),
        OPERATION + "time_to_first_chunk": ("s", [(about, some, 1)]),
        OPERATION + "time_per_output_chunk": ("s", [(about, some, 1)]),
        "gen_ai.client.token.usage": (
            "{token}",
            [
                (about | {"gen_ai.token.type": "input"}, 100, 1),
                (about | {"gen_ai.token.type": "output"}, 20, 1),
            ],
        ),
        INFERENCE + "duration": ("s", [(about, some, 1)]),
        INFERENCE + "time_to_first_chunk": ("s", [(about, some, 1)]),
        INFERENCE + "time_per_output_chunk": ("s", [(about, some, 1)]),
        INFERENCE + "operation.input_tokens": ("{token}", [(about, 100, 1)]),
        INFERENCE + "operation.output_tokens": ("{token}", [(about, 20, 1)]),
        INFERENCE + "usage.input_tokens": ("{token}", [(about | unknown, 100, 1)]),
        INFERENCE + "usage.output_tokens": ("{token}", [(about | unknown, 20, 1)]),
        INFERENCE + "usage.cache_read.input_tokens": ("{token}", [(about | unknown, 60, 1)]),
        INFERENCE + "usage.cache_write.input_tokens": ("{token}", [(about | unknown, 15, 1)]),
        INFERENCE + "usage.reasoning.output_tokens": ("{token}", [(about | unknown, 5, 1)]),
        "tokeneff.client.unpriced_calls": ("{call}", [(about, 1, 1)]),  # there is no such model
    }
    for name, metric in metrics.items():
        for point in metric.data.data_points:
            if hasattr(point, "explicit_bounds"):
                assert list(point.explicit_bounds) == (SECONDS if metric.unit == "s" else TOKENS), name


def test_a_call_that_is_not_streamed_has_no_times_of_chunks(lab: Lab) -> None:
    ask(lab)

    assert not [name for name in lab.metrics() if "chunk" in name]


def test_the_time_between_chunks(lab: Lab) -> None:
    lab.provider.queue(faults.slow_chunks(0.05, TEXT))
    list(lab.client("openai").chat.completions.create(model=MODEL, messages=ASKED, **WITH_USAGE))

    (span,) = lab.spans
    about = span.attributes or {}
    assert about["tokeneff.stream.chunks"] == 6
    [(_, mean, count)] = lab.sums(OPERATION + "time_per_output_chunk")
    assert (mean, count) == (pytest.approx(about["tokeneff.stream.duration"] / 5), 1)  # five times between six


def test_a_failed_call_counts_nothing_and_says_so(lab: Lab) -> None:
    lab.provider.queue(faults.bad_request("no"))
    client = lab.client("openai")
    with pytest.raises(Exception, match="no"):
        client.chat.completions.create(model=MODEL, messages=ASKED)

    about = dimensions(lab)
    del about["gen_ai.response.model"], about["openai.response.service_tier"]
    failed = about | {"error.type": "openai.BadRequestError"}
    unknown = about | {"gen_ai.token.modality": "unknown"}
    assert lab.sums(OPERATION + "duration") == [(failed, Between(0, 60), 1)]
    assert lab.sums(INFERENCE + "duration") == [(failed, Between(0, 60), 1)]
    assert lab.sums(INFERENCE + "usage.input_tokens") == [(unknown, 0, 1)]
    assert lab.sums(INFERENCE + "usage.output_tokens") == [(unknown, 0, 1)]
    assert lab.sums("gen_ai.client.token.usage") == []


def test_modalities_are_told_apart(lab: Lab) -> None:
    lab.provider.queue(
        Reply(text="x", usage=Usage(input_tokens=100, output_tokens=20, audio_input=40, audio_output=20))
    )
    ask(lab)

    def by_modality(name: str) -> dict[str, float]:
        return {point["gen_ai.token.modality"]: value for point, value, _ in lab.sums(INFERENCE + name)}

    assert by_modality("usage.input_tokens") == {"audio": 40, "text": 60}
    assert by_modality("usage.output_tokens") == {"audio": 20}


def test_only_tags_that_were_named_are_dimensions(lab: Lab) -> None:
    client = lab.client("openai", metric_tags=("feature", "absent"))
    with tokeneff.tag(user="u1", feature="summarise"):
        client.chat.completions.create(model=MODEL, messages=ASKED)

    [(about, _, _)] = lab.sums(OPERATION + "duration")
    assert about["tokeneff.tag.feature"] == "summarise"
    assert not [name for name in about if name in ("user.id", "tokeneff.tag.user", "tokeneff.tag.absent")]


def test_what_is_read_right_after_a_call_has_it_and_later_reads_add_up(lab: Lab) -> None:
    client = lab.client("openai")
    for number in (1, 2, 3):
        lab.provider.queue(TEXT)
        client.chat.completions.create(model=MODEL, messages=ASKED)

        assert [count for _, _, count in lab.sums(OPERATION + "duration")] == [number]
        assert [value for _, value, _ in lab.sums(INFERENCE + "usage.input_tokens")] == [100 * number]
        assert [value for about, value, _ in lab.sums("gen_ai.client.token.usage")] == [100 * number, 20 * number]


DELTA = {
    Counter: AggregationTemporality.DELTA,
    ObservableCounter: AggregationTemporality.DELTA,
    Histogram: AggregationTemporality.DELTA,
}


def test_two_readers_and_delta_temporality_count_each_call_once(lab: Lab) -> None:
    cumulative, delta = InMemoryMetricReader(), InMemoryMetricReader(preferred_temporality=DELTA)
    meters = MeterProvider([cumulative, delta], shutdown_on_exit=False)
    client = lab.client("openai", meter_provider=meters)

    def read(reader: Any) -> dict[str, float]:
        data = reader.get_metrics_data()
        found: dict[str, float] = {}
        for resource in data.resource_metrics if data else ():
            for metric in resource.scope_metrics[0].metrics:
                for point in metric.data.data_points:
                    value = point.count if hasattr(point, "bucket_counts") else point.value
                    found[metric.name] = found.get(metric.name, 0) + value
        return {name: found.get(name, 0) for name in (OPERATION + "duration", INFERENCE + "usage.input_tokens")}

    def both(count: int, tokens: int) -> dict[str, float]:
        return {OPERATION + "duration": count, INFERENCE + "usage.input_tokens": tokens}

    try:
        for number in (1, 2):
            lab.provider.queue(TEXT)
            client.chat.completions.create(model=MODEL, messages=ASKED)
            assert read(delta) == both(1, 100)
            assert read(cumulative) == both(number, 100 * number)
        assert read(delta) == both(0, 0)
        assert read(cumulative) == both(2, 200)
    finally:
        meters.shutdown()


def test_many_calls_that_nobody_reads_are_not_lost(lab: Lab) -> None:
    client = lab.client("openai")
    lab.provider.default = TEXT
    for _ in range(300):
        client.chat.completions.create(model=MODEL, messages=ASKED)

    assert [count for _, _, count in lab.sums(OPERATION + "duration")] == [300]
    assert [value for _, value, _ in lab.sums(INFERENCE + "usage.input_tokens")] == [30_000]


def test_wrapped_clients_of_one_provider_share_its_instruments(lab: Lab) -> None:
    lab.provider.default = CALLS
    for _ in range(3):
        ask(lab)

    assert [count for _, _, count in lab.sums(OPERATION + "duration")] == [3]


def test_anthropic_and_openai_are_told_apart(lab: Lab) -> None:
    lab.provider.queue(TEXT, TEXT)
    ask(lab)
    lab.client("anthropic").messages.create(**SAID)

    told = {about["gen_ai.provider.name"]: value for about, value, _ in lab.sums(INFERENCE + "usage.input_tokens")}
    assert told == {"openai": 100, "anthropic": 100}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_counts_its_own_calls_only(lab: Lab) -> None:
    lab.provider.queue(TEXT, TEXT)
    ask(lab)  # noted, and not yet read by anybody
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            client = tokeneff.wrap(lab.bare("openai"), tracer_provider=lab.tracers, meter_provider=lab.meters)
            client.chat.completions.create(model=MODEL, messages=ASKED)
            counts = [count for _, _, count in lab.sums(OPERATION + "duration")]
            os.write(write, repr(counts).encode())
        except BaseException as error:  # noqa: BLE001 - told to the parent
            os.write(write, repr(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        said = told.read()
    os.waitpid(child, 0)

    assert said == "[1]"
    assert [count for _, _, count in lab.sums(OPERATION + "duration")] == [1]
