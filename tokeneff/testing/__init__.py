"""A fake provider on loopback: real SDK calls in tests, without a key, a bill or a network.

from openai import OpenAI
from tokeneff.testing import FakeProvider, Reply, Usage, faults

with FakeProvider() as provider:
    provider.queue(faults.rate_limit(retry_after=0.01), Reply(text="hi", usage=Usage(input_tokens=10)))
    client = OpenAI(base_url=provider.openai_url, api_key="test")
    client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "hello"}])
    assert len(provider.requests) == 2
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokeneff.testing import faults
    from tokeneff.testing.faults import Fault
    from tokeneff.testing.recorded import RecordedRequest
    from tokeneff.testing.replies import Reply, ToolCall, Usage
    from tokeneff.testing.server import FakeProvider

__all__ = ["FakeProvider", "Fault", "RecordedRequest", "Reply", "ToolCall", "Usage", "faults"]

_HOMES = {
    "FakeProvider": "server",
    "Fault": "faults",
    "RecordedRequest": "recorded",
    "Reply": "replies",
    "ToolCall": "replies",
    "Usage": "replies",
}


def __getattr__(name: str) -> Any:
    # Lazy, because the pytest entry point imports this package in every pytest run of every user.
    if name == "faults":
        return import_module("tokeneff.testing.faults")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"tokeneff.testing.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
