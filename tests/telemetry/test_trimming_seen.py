"""What spans and metrics say of trimming."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from telemetry_lab import Lab, all_attributes
from telemetry_shapes import ASKED, MODEL

from tokeneff._done import Trimming
from tokeneff._flow import Call, Effect, Outcome, forward
from tokeneff._settings import settings_of

ABOUT = "tokeneff.trim."
TRIMMED = Trimming(
    "trimmed",
    {"json": 2, "cleared": 3},
    900,
    "00ff",
    texts=5,
    gain=4_000_000_000,
    expected=2_000_000,
    realised=-1_000_000,
    untrimmed=7_000_000,
    proof="simulated",
)
TOLD = {
    "outcome": "trimmed",
    "conversation": "00ff",
    "kinds": ["cleared", "json"],
    "edits": [3, 2],
    "texts": 5,
    "saved.input_tokens": 900,
    "saved.input_tokens.source": "estimated",
    "predicted.conversation_usd": 4.0,
    "predicted.cost_usd": 0.002,
    "saved.cost_usd": -0.001,
    "untrimmed.cost_usd": 0.007,
    "saved.source": "simulated",
}


def about(span: Any) -> dict[str, Any]:
    """What a span says of trimming."""
    told = all_attributes(span)
    return {name.removeprefix(ABOUT): value for name, value in told.items() if name.startswith(ABOUT)}


def ask(lab: Lab, *trimmed: Trimming | None) -> None:
    """Calls of a client with a policy that says this of them, as the policy of trimming does."""
    left = list(trimmed)

    def policy(call: Call) -> Generator[Effect, Any, Outcome]:
        return (yield from forward(call))._replace(trimmed=left.pop(0))

    client = lab.client("openai")
    kept = settings_of(client)
    kept.policies = (*kept.policies, policy)
    for _ in trimmed:
        client.chat.completions.create(model=MODEL, messages=ASKED)


def test_a_span_says_all_that_is_known_and_nothing_else(lab: Lab) -> None:
    ask(lab, TRIMMED, Trimming("held out", conversation="ab"), None)
    told = [about(span) for span in lab.spans]
    assert told == [TOLD, {"outcome": "held out", "conversation": "ab"}, {}]


def test_what_the_provider_counted_is_said_to_be_so(lab: Lab) -> None:
    ask(lab, TRIMMED._replace(counted=True))
    assert about(lab.span)["saved.input_tokens.source"] == "provider"


def test_calls_are_counted_and_dollars_are_net(lab: Lab) -> None:
    ask(lab, TRIMMED, TRIMMED._replace(realised=4_000_000, edits={"json": 1}), Trimming("whole"), None)
    found = {
        name: {
            said.get(ABOUT + "kind", said.get(ABOUT + "outcome")): value for said, value, _ in lab.sums(ABOUT + name)
        }
        for name in ("calls", "edits", "saved.tokens", "saved.cost", "predicted.cost")
    }
    assert found == {
        "calls": {"trimmed": 2, "whole": 1},
        "edits": {"json": 3, "cleared": 3},
        "saved.tokens": {"trimmed": 1_800},
        "saved.cost": {"trimmed": pytest.approx(0.003)},
        "predicted.cost": {"trimmed": pytest.approx(0.004)},
    }
