"""Which calls are kept by default, which only when that is asked for, and which never."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from cache_key_kit import ASKED, Ask, call_of, chat, client, messages, responses

from tokeneff.cache._eligible import CallView, When, not_kept
from tokeneff.cache._models import searches, takes_no_sampling

FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {}}}
FLAT = {"type": "function", "name": "f", "parameters": {}, "strict": True}
SCREEN = {"type": "computer_screenshot", "image_url": "https://host.example/a.png"}


def why(ask: Ask, sdk: str = "openai", when: When = "deterministic") -> str:
    return not_kept(call_of(client(sdk), ask), when)


def zero(**more: Any) -> Ask:
    return responses(temperature=0, **more)


def claude(**more: Any) -> Ask:
    """Greedy, as the newer lines of the SDK have no parameter for it."""
    return messages(**more, extra_body={"temperature": 0})


def linked(kind: str, name: str) -> list[Any]:
    return [{"role": "user", "content": [{"type": kind, name: "https://host.example"}]}]


def image(url: str) -> list[Any]:
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (chat(), "sampled"),
        (chat(temperature=0), ""),
        (chat(temperature=0.0, n=3), ""),
        (chat(temperature=False), "sampled"),
        (chat(temperature=1), "sampled"),
        (chat(top_p=0), "sampled"),
        (chat(seed=7), ""),
        (chat(seed=None), "sampled"),
        (chat(extra_body={"temperature": 0}), ""),
        (chat(temperature=0, extra_body={"temperature": 1}), "sampled"),
        (chat(temperature=0, tools=[FUNCTION]), ""),
        (chat(temperature=0, tools=[{"type": "custom", "custom": {"name": "c"}}]), ""),
        (chat(temperature=0, web_search_options={}), ""),
        (chat(temperature=0, web_search_options={"search_context_size": "low"}), "hosted tools"),
        (chat(temperature=0, extra_body={"plugins": [{"id": "web"}]}), "hosted tools"),
        (chat(temperature=0, model="gpt-4o-search-preview-2025-03-11"), "hosted tools"),
        (chat(temperature=0, store=True), "stateful"),
        (chat(temperature=0, messages=image("https://host.example/a.png")), "linked files"),
        (chat(temperature=0, messages=image("data:image/png;base64,AA==")), ""),
        (chat(model="o3"), ""),
        (chat(model="gpt-5-mini-2025-08-07"), ""),
        (chat(model="gpt-5-chat-latest"), "sampled"),
        (chat(model="gpt-5.1"), "sampled"),
        (chat(model="gpt-5.1", reasoning_effort="none"), "sampled"),
        (chat(model="gpt-5.1", reasoning_effort="low"), ""),
        (responses(), "sampled"),
        (zero(), ""),
        (zero(store=True), "stateful"),
        (lambda c: c.responses.create(model="gpt-4.1", input="Hi", temperature=0), "stateful"),
        (zero(previous_response_id="resp_1"), "stateful"),
        (zero(extra_body={"conversation": "conv_1"}), "stateful"),
        (zero(background=True), "background"),
        (zero(prompt={"id": "p"}), "stateful"),
        (zero(prompt={"id": "p", "version": "1"}), ""),
        (zero(tools=[FLAT]), ""),
        (zero(tools=[FLAT, {"type": "web_search"}]), "hosted tools"),
        (zero(tools=[{"type": "code_interpreter", "container": {"type": "auto"}}]), "hosted tools"),
        (zero(tools=[{"type": "mcp", "server_label": "s", "server_url": "https://host.example"}]), "hosted tools"),
        (zero(tools=[{"type": "file_search", "vector_store_ids": ["v"]}]), "hosted tools"),
        (zero(tools=[{"type": "computer_use_preview"}]), "hosted tools"),
        (zero(tools=[{"type": "a tool of tomorrow"}]), "hosted tools"),
        (zero(input=linked("input_file", "file_url")), "linked files"),
        (zero(input=[{"type": "computer_call_output", "call_id": "c", "output": SCREEN}]), "linked files"),
        (responses(model="gpt-5.6-sol", reasoning={"effort": "low"}), ""),
        (lambda c: c.completions.create(model="gpt-3.5-turbo-instruct", prompt="Hi"), "sampled"),
        (lambda c: c.completions.create(model="gpt-3.5-turbo-instruct", prompt="Hi", temperature=0), ""),
        (lambda c: c.embeddings.create(model="text-embedding-3-small", input="Hi"), ""),
        (lambda c: c.moderations.create(model="omni-moderation-latest", input="Hi"), ""),
        (lambda c: c.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"s")), ""),
        (lambda c: c.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"s"), temperature=1), "sampled"),
        (lambda c: c.audio.speech.create(model="tts-1", voice="alloy", input="Hi"), "sampled"),
        (lambda c: c.images.generate(model="gpt-image-1", prompt="Hi"), "sampled"),
        (lambda c: c.models.list(), "no model"),
        (lambda c: c.files.create(file=("a.jsonl", b"{}"), purpose="batch"), "no model"),
        (lambda c: c.batches.create(input_file_id="f", endpoint="/v1/responses", completion_window="24h"), "no model"),
        (lambda c: c.fine_tuning.jobs.create(model="gpt-4.1", training_file="f"), "no model"),
        (lambda c: c.responses.retrieve("resp_1"), "no model"),
        (lambda c: c.post("/responses/compact", body={"model": "m", "input": []}, cast_to=object), "no model"),
        (lambda c: c.post("/elsewhere", body={"temperature": 0}, cast_to=object), "no model"),
    ],
)  # fmt: skip
def test_calls_of_openai(ask: Ask, expected: str) -> None:
    assert why(ask) == expected


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (messages(), "sampled"),
        (claude(), ""),
        (messages(extra_body={"seed": 7}), "sampled"),
        (messages(model="claude-opus-4-7"), ""),
        (messages(model="claude-opus-4-6"), "sampled"),
        (claude(tools=[{"name": "f", "input_schema": {}}, {"type": "bash_20250124", "name": "bash"}]), ""),
        (claude(tools=[{"type": "web_search_20250305", "name": "web_search"}]), "hosted tools"),
        (claude(tools=[{"type": "code_execution_20250825", "name": "code_execution"}]), "hosted tools"),
        (messages(extra_body={"temperature": 0, "container": "c"}), "stateful"),
        (messages(extra_body={"temperature": 0, "mcp_servers": [{"type": "url"}]}), "hosted tools"),
        (
            claude(messages=[{"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": "https://host.example"}}]}]),
            "linked files",
        ),
        (
            claude(messages=[{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [
                {"type": "image", "source": {"type": "url", "url": "https://host.example"}}]}]}]),
            "linked files",
        ),
        (lambda c: c.messages.count_tokens(model="claude-opus-4-7", messages=ASKED), "no model"),
    ],
)  # fmt: skip
def test_calls_of_anthropic(ask: Ask, expected: str) -> None:
    assert why(ask, "anthropic") == expected


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (chat(), ""),
        (chat(web_search_options={"search_context_size": "low"}), ""),
        (chat(messages=image("https://host.example/a.png")), ""),
        (lambda c: c.images.generate(model="gpt-image-1", prompt="Hi"), ""),
        (chat(store=True), "stateful"),
        (zero(background=True), "background"),
        (zero(store=True), "stateful"),
        (lambda c: c.models.list(), "no model"),
    ],
)
def test_what_is_widened_and_what_never_is(ask: Ask, expected: str) -> None:
    assert why(ask, when="always") == why(ask, when=lambda view: True) == expected


def test_a_rule_of_the_users_own() -> None:
    seen: list[CallView] = []

    def small(view: CallView) -> bool:
        seen.append(view)
        return len(view.body["messages"]) < 2

    assert why(chat(user="u", stream=True), when=small) == ""
    assert why(chat(messages=ASKED * 2), when=small) == "when"
    view = seen[0]
    assert (view.operation, view.model, view.stream, dict(view.tags)) == ("chat", "gpt-4.1", True, {})
    assert view.body["user"] == "u"


def test_a_rule_that_fails_keeps_nothing_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    def broken(view: CallView) -> bool:
        raise KeyError("no such field")

    with caplog.at_level(logging.WARNING, logger="tokeneff"):
        assert [why(chat(), when=broken) for _ in range(2)] == ["when", "when"]
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("o1", None, True),
        ("openai/o4-mini-2025-04-16", None, True),
        ("gpt-5", None, True),
        ("GPT-5-Codex", None, True),
        ("gpt-5.2-pro-2025-12-11", None, True),
        ("gpt-6-luna", None, True),
        ("gpt-6.1-sol", None, True),
        ("gpt-5.4-mini-2026-03-17", "high", True),
        ("gpt-5.4-mini", None, False),
        ("gpt-4.1", "high", False),
        ("gpt-50", None, False),
        ("o3x", None, False),
        ("claude-opus-4-7", None, True),
        ("claude-opus-4-8", None, True),
        ("claude-sonnet-5-5", None, True),
        ("us.anthropic.claude-sonnet-5-20260630-v1:0", None, True),
        ("claude-fable-5-2@20260901", None, True),
        ("claude-opus-4-5-20251101", None, False),
        ("claude-3-5-sonnet-latest", None, False),
        ("my-deployment", "high", False),
        ("", None, False),
    ],
)
def test_models_that_take_no_sampling_parameters(model: str, effort: str | None, expected: bool) -> None:
    assert takes_no_sampling(model, effort) is expected


def test_models_that_search_by_themselves() -> None:
    found = [
        "gpt-5-search-api-2025-10-14",
        "o3-deep-research",
        "perplexity/sonar-pro",
        "groq/compound",
        "openai/gpt-4.1:online",
    ]
    assert all(searches(model) for model in found)
    assert not any(searches(model) for model in ("gpt-4.1", "claude-opus-4-7", "", "research"))
