"""A call that goes down to another model goes without what that model is known not to take."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from budget_lab import FLAVOURS, WAYS, Lab, ready

from tokeneff.budgets import Budget
from tokeneff.budgets._takes import newer_cap, refused
from tokeneff.testing import Reply, Usage

CHAT, RESPONSES, MESSAGES = WAYS
SPENT = Usage(input_tokens=20, output_tokens=5)
THINKING: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 2_000}}


async def sent(lab: Lab, way: Any, flavour: str, to: str, model: str, **more: Any) -> dict[str, Any]:
    """The body that was sent to the second model, for a caller who asked the first and whose body was left alone."""
    budget = Budget(usd="0.5", then="downgrade", to=to)
    client = lab.client(way.sdk, flavour, budget, timeout=30)  # else Anthropic's SDK asks for a stream
    lab.provider.queue(Reply(text="Once", model=to, usage=SPENT))
    given = copy.deepcopy(more)

    await ready(way.ask(client, **{"model": model, "extra_body": more} | _cap(way)))

    assert more == given
    assert lab.last["model"] == to
    return lab.last


def _cap(way: Any) -> dict[str, Any]:
    """A reply that only the smaller model's limit has room for."""
    return {"max_output_tokens" if way is RESPONSES else "max_tokens": 110_000}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("way", "models", "more", "left"),
    [
        pytest.param(
            CHAT,
            ("gpt-5", "gpt-4.1-nano"),
            {"reasoning_effort": "low", "verbosity": "low", "seed": 7},
            {"seed": 7, "max_tokens": 32_768},
            id="chat, without reasoning",
        ),
        pytest.param(
            CHAT,
            ("gpt-4.1", "gpt-5-nano"),
            {"temperature": 0.2, "top_p": 0.9, "logit_bias": {"5": 1}, "seed": 7, "max_tokens": 60_000}
            | {"max_completion_tokens": 110_000, "n": 1},
            None,
            id="chat, with reasoning",
        ),
        pytest.param(
            RESPONSES,
            ("gpt-5", "gpt-4.1-nano"),
            {
                "reasoning": {"effort": "low"},
                "text": {"verbosity": "low", "format": {"type": "text"}},
                "include": ["reasoning.encrypted_content", "file_search_call.results"],
                "temperature": 0.5,
            },
            {
                "text": {"format": {"type": "text"}},
                "include": ["file_search_call.results"],
                "temperature": 0.5,
                "max_output_tokens": 32_768,
            },
            id="responses",
        ),
        pytest.param(
            MESSAGES,
            ("claude-opus-4-6", "claude-3-haiku-20240307"),
            {**THINKING, "output_config": {"effort": "low"}, "speed": "fast", "top_k": 5},
            {"output_config": {}, "top_k": 5, "max_tokens": 4_096},
            id="messages, without thinking",
        ),
        pytest.param(
            MESSAGES,
            ("claude-opus-4-6", "claude-haiku-4-5"),
            {**THINKING, "top_k": 5},
            {**THINKING, "top_k": 5, "max_tokens": 64_000},
            id="messages, thinking stays",
        ),
        pytest.param(
            MESSAGES,
            ("claude-opus-4-6", "claude-haiku-4-5"),
            {"thinking": {"type": "adaptive"}},
            {"max_tokens": 64_000},
            id="messages, adaptive thinking",
        ),
    ],
)
async def test_what_the_other_model_does_not_take_is_left_out(
    lab: Lab, way: Any, models: tuple[str, str], more: dict[str, Any], left: dict[str, Any] | None, flavour: str
) -> None:
    body = await sent(lab, way, flavour, models[1], models[0], **more)

    found = {key: value for key, value in body.items() if key not in ("model", "messages", "input", "stream")}
    if left is None:  # two limits: the newer name has them
        left = {"seed": 7, "n": 1, "max_completion_tokens": 110_000}
    assert found == left


def test_what_is_not_known_is_left_to_the_provider() -> None:
    for model in ("my-llama", "gpt-9", "claude-new", "deepseek-chat"):
        assert (refused(model), newer_cap(model)) == ((), False)
    assert [str(field) for field in refused("us.anthropic.claude-haiku-4-5-20251001-v1:0")] == [
        "thinking",
        "output_config.effort",
        "speed",
    ]
    assert newer_cap("openai/gpt-5-mini") is True
    assert newer_cap("gpt-5-chat-latest") is False


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_what_was_left_out_is_told(lab: Lab, flavour: str) -> None:
    from test_budget_actions import outcomes

    client = lab.client("openai", flavour, Budget(tokens=1_000, then="downgrade", to="gpt-4.1-nano", cap_output=True))
    seen = outcomes(client)
    lab.provider.queue(Reply(text="Once", model="gpt-4.1-nano", usage=SPENT))

    body: dict[str, Any] = {"reasoning_effort": "low", "max_completion_tokens": 1_200}
    with pytest.raises(Exception, match="may cost up to"):
        await ready(CHAT.ask(client, model="gpt-5", max_tokens=None, extra_body=body))

    (told,) = [event.attributes for event in seen[0].guard.events if event.name == "downgraded"]
    assert (told["from_model"], told["to_model"], told["dropped"]) == ("gpt-5", "gpt-4.1-nano", "reasoning_effort")
