"""What goes wrong in trimming itself is no fault of a call's: it is sent as it was written, which is logged once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from test_trim_calls import chat
from trim_clients import FLAVOURS, Clients, ready

import tokeneff
from tokeneff.testing import FakeProvider, Reply, Usage
from tokeneff.trim import _policy
from tokeneff.trim._market import Market
from tokeneff.trim.planning._settling import Flights


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(Reply(text="done", usage=Usage(input_tokens=900, output_tokens=5))) as made:
        yield made


@pytest.fixture
def wrapped(bare: Clients) -> Callable[..., Any]:
    def make(flavour: str, *, budget: Any = None, **more: Any) -> Any:
        trim = tokeneff.Trim(store=f"memory://{uuid.uuid4().hex}", **more)
        return tokeneff.wrap(bare("openai", flavour), trim=trim, budget=budget)

    return make


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("ours")


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("where", "name", "said"),
    [
        (_policy, "history_of", "a call was not looked at for trimming"),
        (Market, "trimmed", "a call was not trimmed"),
        (_policy, "fault_of", "a call was not trimmed"),
    ],
)
async def test_the_call_is_sent_as_it_was(
    provider: FakeProvider,
    wrapped: Any,
    where: Any,
    name: str,
    said: str,
    flavour: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(where, name, broken)
    client = wrapped(flavour)
    for _ in range(2):
        reply = await ready(client.chat.completions.create(**chat(3)))
        assert reply.choices[0].message.content == "done"
    assert [request.json["messages"] == chat(3)["messages"] for request in provider.requests] == [True, True]
    assert [record.message for record in caplog.records] == [said]


def test_a_trimmed_request_that_would_not_be_taken_is_not_sent(
    provider: FakeProvider, wrapped: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = chat(3)["messages"]
    monkeypatch.setattr(_policy, "fault_of", lambda dialect, body: "" if body["messages"] == whole else "no")
    wrapped("sync").chat.completions.create(**chat(3))
    assert provider.requests[0].json["messages"] == whole
    assert "a call was not trimmed" in caplog.text


def test_what_cannot_be_learnt_from_is_answered_all_the_same(
    provider: FakeProvider, wrapped: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Market, "over", broken)
    reply = wrapped("sync").chat.completions.create(**chat(3))
    assert reply.choices[0].message.content == "done"
    assert provider.requests[0].json["messages"] != chat(3)["messages"]
    assert "could not be learnt from" in caplog.text


def test_a_call_that_a_budget_refuses_was_not_sent(
    provider: FakeProvider, wrapped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    unsent = Flights.unsent
    monkeypatch.setattr(Flights, "unsent", lambda self, flight: (told.append(flight), unsent(self, flight))[1])
    client = wrapped("sync", budget=tokeneff.Budget(requests=1))
    client.chat.completions.create(**chat(2))
    with pytest.raises(tokeneff.BudgetExceeded):
        client.chat.completions.create(**chat(3))
    assert (len(provider.requests), len(told)) == (1, 1)


def test_what_a_model_takes_is_the_providers_to_say(provider: FakeProvider, wrapped: Any) -> None:
    asked = [{"role": "user", "content": "fox " * 60_000}]
    wrapped("sync").chat.completions.create(model="gpt-4", messages=asked)
    assert provider.requests[0].json["messages"] == asked


def test_a_body_that_is_put_together_further_down_is_left_alone(provider: FakeProvider, wrapped: Any) -> None:
    other = [{"role": "user", "content": "Something else."}]
    wrapped("sync").chat.completions.create(**chat(3), extra_body={"messages": other})
    assert provider.requests[0].json["messages"] == other
