"""Through the front door: a wrapped client whose spans and metrics go to a collector."""

from __future__ import annotations

import pytest
from otel_collectors import Collector, Dead, run

_CALLS = """
import tokeneff
from openai import OpenAI
from tokeneff.testing import FakeProvider, Reply, Usage
provider = FakeProvider()
{order[0]}
{order[1]}
def ask(**more):
    provider.queue(Reply(text="hi there", chunks=["hi ", "there"], usage=Usage(input_tokens=10, output_tokens=3)))
    return client.chat.completions.create(model="m", messages=[{{"role": "user", "content": "hello"}}], **more)
replies = [ask().choices[0].message.content for _ in range(3)]
left = iter(ask(stream=True))
next(left)  # and never read to its end
say(replies=replies)
"""
_CONFIGURE = "otel = tokeneff.configure_otel({url!r}, service_name='s')"
_WRAP = "client = tokeneff.wrap(OpenAI(base_url=provider.openai_url, api_key='k'))"


@pytest.mark.parametrize("wrap_first", [False, True], ids=["configured first", "wrapped first"])
def test_every_call_arrives_and_a_stream_left_open_at_exit_too(wrap_first: bool) -> None:
    with Collector() as collector:
        order = [_CONFIGURE.format(url=collector.url), _WRAP]
        ran = run(_CALLS.format(order=order[::-1] if wrap_first else order))
        assert ran.said == {"replies": ["hi there"] * 3}
        told = [
            (span["name"], {a["key"]: a["value"] for a in span["attributes"]}["tokeneff.ending"]["stringValue"])
            for span in collector.spans
        ]
        assert told == [("chat m", "read")] * 3 + [("chat m", "dropped")]
        assert "gen_ai.client.operation.duration" in {metric["name"] for metric in collector.metrics}


def test_a_dead_collector_changes_nothing_for_the_caller() -> None:
    with Dead() as collector:
        ran = run(_CALLS.format(order=[_CONFIGURE.format(url=collector.url), _WRAP]))
        assert ran.said == {"replies": ["hi there"] * 3}
        assert ran.exit_seconds < 10  # how short it is, test_bad_collectors.py measures against a bare exit
        assert sorted(line.partition(" ")[0] for line in ran.log.splitlines()) == ["Metrics,", "Spans,"]
