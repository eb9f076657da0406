"""The OpenInference overlay, whole results; its names checked against the conventions' own package where that is."""

from __future__ import annotations

import json
from inspect import signature
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

from tokeneff._flow import Call, Facts, Outcome, Tokens
from tokeneff.adapters import Endpoint
from tokeneff.telemetry.openinference import overlay, room_on


def endpoint(operation: str, model: bool = True) -> Any:
    nothing: Any = None
    return Endpoint(operation, nothing, nothing, model=model)


CHAT = endpoint("chat")


def call(body: dict[str, Any], kind: Any = CHAT, family: str = "openai", **tags: Any) -> Call:
    known: dict[str, Any] = {
        name: None for name, parameter in signature(Call).parameters.items() if parameter.default is parameter.empty
    }
    known.update(options=SimpleNamespace(json_data=body), endpoint=kind, stream=False, tags=tags)
    return Call(**known | {"family": SimpleNamespace(name=family)})


def outcome(tokens: Tokens = Tokens(), **facts: Any) -> Outcome:  # noqa: B008 - frozen
    return Outcome("read", 0.0, 1.0, tokens, Facts(**facts))


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


CONTENT = {
    "gen_ai.system_instructions": [text("Be brief.")],
    "gen_ai.input.messages": [
        {
            "role": "user",
            "name": "ann",
            "parts": [
                text("See"),
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
                {"type": "uri", "modality": "image", "mime_type": None, "uri": "https://x.test/a.png"},
                {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "aGk=", "transcript": "hi"},
                {"type": "file", "modality": "document", "mime_type": "application/pdf", "file_id": "f1"},
                {"type": "file", "modality": "image", "mime_type": None, "file_id": "f2"},
                {"type": "newest", "x": 1},
            ],
        },
        {
            "role": "assistant",
            "parts": [
                text("One moment."),
                {"type": "tool_call", "id": "c1", "name": "get", "arguments": {"place": "Zürich"}},
                {"type": "tool_call", "id": "c2", "name": "get", "arguments": '{"pla'},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"type": "tool_call_response", "id": "c1", "response": "rainy"},
                {"type": "tool_call_response", "id": "c2", "response": [{"type": "text", "text": "no"}]},
                text("And?"),
            ],
        },
    ],
    "gen_ai.tool.definitions": [
        {"type": "function", "name": "get", "description": None, "parameters": {"type": "object"}},
        {"type": "web_search", "name": "web_search"},
    ],
    "gen_ai.output.messages": [
        {
            "role": "assistant",
            "finish_reason": "stop",
            "parts": [{"type": "reasoning", "content": "Hm."}, text("It rains.\ud800")],
        }
    ],
}


def test_everything() -> None:
    body = {
        "model": "m",
        "messages": "never told",
        "tools": "never told",
        "temperature": 0.5,
        "stop": ["x"],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
        "unknown_number": 3,
        "unknown_text": "never told",
    }
    tokens = Tokens(100, 20, cache_read=60, cache_write=10, reasoning=5, audio_input=4, audio_output=3)
    done = outcome(tokens, model="m-2026", finish_reasons=("stop",))
    found = overlay(call(body, user="u1", session="s9", feature="f"), done, CONTENT, "azure.ai.openai")
    parameters = {
        "model": "m",
        "temperature": 0.5,
        "stop": ["x"],
        "response_format": {"type": "json_schema"},
        "unknown_number": 3,
    }
    contents, said = "llm.input_messages.1.message.contents", "message_content"
    assert json.loads(str(found.pop("llm.invocation_parameters"))) == parameters
    assert found == {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.provider": "azure",
        "llm.model_name": "m-2026",
        "llm.request.model_name": "m",
        "llm.response.model_name": "m-2026",
        "llm.finish_reason": "stop",
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 20,
        "llm.token_count.total": 120,
        "llm.token_count.prompt_details.cache_read": 60,
        "llm.token_count.prompt_details.cache_write": 10,
        "llm.token_count.prompt_details.audio": 4,
        "llm.token_count.completion_details.reasoning": 5,
        "llm.token_count.completion_details.audio": 3,
        "user.id": "u1",
        "session.id": "s9",
        "metadata": '{"feature":"f"}',
        "input.value": "And?",
        "input.mime_type": "text/plain",
        "output.value": "It rains.\ufffd",
        "output.mime_type": "text/plain",
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": "Be brief.",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.name": "ann",
        f"{contents}.0.{said}.type": "text",
        f"{contents}.0.{said}.text": "See",
        f"{contents}.1.{said}.type": "image",
        f"{contents}.1.{said}.image.image.url": "data:image/png;base64,aGk=",
        f"{contents}.2.{said}.type": "image",
        f"{contents}.2.{said}.image.image.url": "https://x.test/a.png",
        f"{contents}.3.{said}.type": "audio",
        f"{contents}.3.{said}.audio.audio.url": "data:audio/wav;base64,aGk=",
        f"{contents}.3.{said}.audio.audio.mime_type": "audio/wav",
        f"{contents}.3.{said}.audio.audio.transcript": "hi",
        f"{contents}.4.{said}.type": "document",
        f"{contents}.4.{said}.document.document.id": "f1",
        f"{contents}.4.{said}.document.document.mime_type": "application/pdf",
        f"{contents}.5.{said}.type": "file",
        f"{contents}.5.{said}.text": '{"type":"file","modality":"image","mime_type":null,"file_id":"f2"}',
        f"{contents}.6.{said}.type": "newest",
        f"{contents}.6.{said}.text": '{"type":"newest","x":1}',
        "llm.input_messages.2.message.role": "assistant",
        "llm.input_messages.2.message.content": "One moment.",
        "llm.input_messages.2.message.tool_calls.0.tool_call.id": "c1",
        "llm.input_messages.2.message.tool_calls.0.tool_call.function.name": "get",
        "llm.input_messages.2.message.tool_calls.0.tool_call.function.arguments": '{"place":"Zürich"}',
        "llm.input_messages.2.message.tool_calls.1.tool_call.id": "c2",
        "llm.input_messages.2.message.tool_calls.1.tool_call.function.name": "get",
        "llm.input_messages.2.message.tool_calls.1.tool_call.function.arguments": '{"pla',
        "llm.input_messages.3.message.role": "tool",
        "llm.input_messages.3.message.tool_call_id": "c1",
        "llm.input_messages.3.message.content": "rainy",
        "llm.input_messages.4.message.role": "tool",
        "llm.input_messages.4.message.tool_call_id": "c2",
        "llm.input_messages.4.message.content": '[{"type":"text","text":"no"}]',
        "llm.input_messages.5.message.role": "user",
        "llm.input_messages.5.message.content": "And?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.contents.0.message_content.type": "reasoning",
        "llm.output_messages.0.message.contents.0.message_content.text": "Hm.",
        "llm.output_messages.0.message.contents.1.message_content.type": "text",
        "llm.output_messages.0.message.contents.1.message_content.text": "It rains.\ufffd",
        "llm.tools.0.tool.json_schema": (
            '{"type":"function","function":{"name":"get","description":null,"parameters":{"type":"object"}}}'
        ),
        "llm.tools.1.tool.json_schema": '{"type":"web_search","name":"web_search"}',
    }


def test_without_content_only_counts() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "secret"}], "system": "secret", "metadata": {"a": 1}}
    heard = {"role": "assistant", "parts": [text("secret")], "finish_reason": "stop"}
    done = outcome(Tokens(3, 2), output=(heard,))
    assert overlay(call(body, family="anthropic"), done, {}, "aws.bedrock") == {
        "openinference.span.kind": "LLM",
        "llm.system": "anthropic",
        "llm.provider": "aws",
        "llm.model_name": "m",
        "llm.request.model_name": "m",
        "llm.invocation_parameters": '{"model":"m"}',
        "llm.token_count.prompt": 3,
        "llm.token_count.completion": 2,
        "llm.token_count.total": 5,
    }


def test_masked_content_of_any_form() -> None:
    content = {"gen_ai.input.messages": "***", "gen_ai.output.messages": [1, {"x": 2}], "gen_ai.tool.definitions": {}}
    found = overlay(call({}), outcome(), content, "openai")
    assert found["input.value"] == "***"
    assert found["output.value"] == '[1,{"x":2}]'
    assert found["output.mime_type"] == "application/json"
    assert found["llm.output_messages.0.message.role"] == "unknown"
    assert not any(key.startswith(("llm.input_messages", "llm.tools")) for key in found)


def test_a_message_of_results_only() -> None:
    part = {"type": "tool_call_response", "id": "c1", "response": "rainy"}
    found = overlay(call({}), outcome(), {"gen_ai.input.messages": [{"role": "tool", "parts": [part]}]}, "openai")
    assert {key: value for key, value in found.items() if "input" in key} == {
        "input.value": "rainy",
        "input.mime_type": "text/plain",
        "llm.input_messages.0.message.role": "tool",
        "llm.input_messages.0.message.tool_call_id": "c1",
        "llm.input_messages.0.message.content": "rainy",
    }


def test_tool_calls_as_output_value() -> None:
    part = {"type": "tool_call", "id": "c1", "name": "get", "arguments": {}}
    content = {"gen_ai.output.messages": [{"role": "assistant", "parts": [part], "finish_reason": "tool_call"}]}
    found = overlay(call({}), outcome(), content, "openai")
    assert json.loads(str(found["output.value"])) == [part]


def test_embeddings() -> None:
    kind = endpoint("embeddings")
    body = {"model": "e", "input": ["a", "b"], "dimensions": 8}
    said = [{"role": "user", "parts": [text(word)]} for word in ("a", "b")]
    found = overlay(call(body, kind), outcome(Tokens(4)), {"gen_ai.input.messages": said}, "openai")
    assert found == {
        "openinference.span.kind": "EMBEDDING",
        "llm.system": "openai",
        "llm.provider": "openai",
        "embedding.model_name": "e",
        "embedding.invocation_parameters": '{"model":"e","dimensions":8}',
        "llm.token_count.prompt": 4,
        "llm.token_count.total": 4,
        "embedding.embeddings.0.embedding.text": "a",
        "embedding.embeddings.1.embedding.text": "b",
    }


def test_legacy_completions() -> None:
    kind = endpoint("text_completion")
    content = {
        "gen_ai.input.messages": [{"role": "user", "parts": [text("once")]}],
        "gen_ai.output.messages": [{"role": "assistant", "parts": [text("upon")], "finish_reason": "stop"}],
    }
    found = overlay(call({}, kind), outcome(), content, "openai")
    assert found["llm.prompts.0.prompt.text"] == "once"
    assert found["llm.choices.0.completion.text"] == "upon"
    assert not any("messages" in key for key in found)


def test_what_is_no_work_of_a_model() -> None:
    kind = endpoint("files.list", model=False)
    assert overlay(call({}, kind, user="u1"), outcome(conversation="c"), {}, "openai") == {
        "openinference.span.kind": "UNKNOWN",
        "user.id": "u1",
        "session.id": "c",
    }


def test_a_span_with_little_room() -> None:
    """The instructions, the newest messages and the tools stay, numbered without gaps."""
    content = {
        **CONTENT,
        "gen_ai.input.messages": [{"role": "user", "parts": [text(str(number))]} for number in range(500)],
    }
    whole = overlay(call({"model": "m"}), outcome(Tokens(1, 1)), content, "openai")
    assert len(whole) > 1000
    found = overlay(call({"model": "m"}), outcome(Tokens(1, 1)), content, "openai", room=60)
    assert 50 < len(found) <= 60
    assert whole.items() - found.items()
    assert overlay(call({"model": "m"}), outcome(Tokens(1, 1)), content, "openai", room=9999) == whole
    numbers = sorted({int(key.split(".")[2]) for key in found if key.startswith("llm.input_messages")})
    assert numbers == list(range(len(numbers)))
    assert found["llm.input_messages.0.message.content"] == "Be brief."
    said = [found[f"llm.input_messages.{number}.message.content"] for number in numbers[1:]]
    assert said == [str(number) for number in range(500 - len(said), 500)]
    assert "llm.tools.1.tool.json_schema" in found
    tiny = overlay(call({"model": "m"}), outcome(Tokens(1, 1)), content, "openai", room=0)
    assert not any(".0." in key for key in tiny)


def test_room_on_a_span() -> None:
    limits = SpanLimits(max_span_attributes=10)
    span = TracerProvider(span_limits=limits, shutdown_on_exit=False).get_tracer("t").start_span("s")
    span.set_attributes({"a": 1, "b": 2})
    assert room_on(span) == 8
    assert room_on(span, 5) == 3
    assert room_on(span, 50) == 0
    assert room_on(None) is None


def test_names_are_those_of_the_conventions() -> None:
    trace = pytest.importorskip(
        "openinference.semconv.trace", reason="openinference-semantic-conventions not installed"
    )
    known = {
        value
        for holder in vars(trace).values()
        if isinstance(holder, type)
        for value in vars(holder).values()
        if isinstance(value, str)
    }
    tokens = Tokens(100, 20, cache_read=60, cache_write=10, reasoning=5, audio_input=4, audio_output=3)
    found = overlay(call({"model": "m"}, user="u", session="s", f=1), outcome(tokens, model="n"), CONTENT, "openai")
    for key in found:
        pieces, name = key.split("."), ""
        parts: list[str] = []
        for piece in pieces:
            if piece.isdigit():
                parts, name = [*parts, name], ""
            else:
                name = f"{name}.{piece}" if name else piece
        for part in [*parts, name]:
            assert _is_known(part, known), (key, part)


def _is_known(name: str, known: set[str]) -> bool:
    if name in known:
        return True
    words = name.split(".")
    return any(
        ".".join(words[:cut]) in known and _is_known(".".join(words[cut:]), known) for cut in range(1, len(words))
    )
