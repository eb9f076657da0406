"""The attributes of OpenInference, laid over those of the GenAI conventions.

Names: ``openinference-semantic-conventions`` 0.1.42. Counts are always told; messages are, where they are captured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from tokeneff._flow import Call, Outcome, Tokens
from tokeneff._plain import plain, sound
from tokeneff.adapters._parts import INPUT, OUTPUT, SYSTEM, TOOLS
from tokeneff.telemetry.content import to_json
from tokeneff.telemetry.openinference_messages import Flat, flat_messages, flat_system, last_said, objects

Value: TypeAlias = str | bool | int | float | Sequence[str]

_PROVIDERS = {
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "aws.bedrock": "aws",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "gcp.gen_ai": "google",
    "mistral_ai": "mistralai",
    "moonshot_ai": "moonshot",
    "x_ai": "xai",
    "fireworks_ai": "fireworks",
    "together_ai": "together",
    "z_ai": "zai",
}
# Parameters told whole. Of all others only numbers and switches are: a field that nobody knows may hold messages,
# documents or credentials.
# fmt: off
_PARAMETERS = frozenset((
    "model", "temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens",
    "max_output_tokens", "max_tokens_to_sample", "frequency_penalty", "presence_penalty", "repetition_penalty",
    "seed", "stop", "stop_sequences", "n", "best_of", "stream", "stream_options", "logprobs", "top_logprobs",
    "logit_bias", "reasoning_effort", "reasoning", "thinking", "verbosity", "modalities", "audio",
    "response_format", "text", "output_config", "output_format", "service_tier", "store", "parallel_tool_calls",
    "tool_choice", "function_call", "truncation", "include", "max_tool_calls", "previous_response_id",
    "background", "prompt_cache_key", "prompt_cache_retention", "dimensions", "encoding_format", "user",
    "safety_identifier", "betas", "web_search_options", "context_management",
))
# fmt: on
_SCHEMAS = ("schema", "json_schema")
_COUNTS = (
    ("cache_read", "llm.token_count.prompt_details.cache_read"),
    ("cache_write", "llm.token_count.prompt_details.cache_write"),
    ("audio_input", "llm.token_count.prompt_details.audio"),
    ("reasoning", "llm.token_count.completion_details.reasoning"),
    ("audio_output", "llm.token_count.completion_details.audio"),
)


def overlay(
    call: Call, outcome: Outcome, content: Mapping[str, Any], provider: str, *, room: int | None = None
) -> dict[str, Value]:
    """OpenInference attributes of one call, for a span that has those of the GenAI conventions already.

    Args:
        call: the call. outcome: how it ended.
        content: what of the messages may be told, as the mask left it, not serialised: any of
            ``gen_ai.input.messages``, ``gen_ai.output.messages``, ``gen_ai.system_instructions`` and
            ``gen_ai.tool.definitions``. Empty where content is not captured; nothing said is taken from elsewhere.
        provider: ``gen_ai.provider.name``.
        room: how many attributes the span has room for (:func:`room_on`); ``None`` for any number. What does not fit
            is left out: of the input first the oldest messages, for a span at its limit drops what it was told first.
    """
    found: dict[str, Value] = {"openinference.span.kind": _kind(call)}
    _for_whom(found, call, outcome)
    if call.endpoint.model:
        found["llm.system"] = call.family.name
        found["llm.provider"] = _PROVIDERS.get(provider, provider)
        _model(found, call, outcome)
        _counts(found, outcome.tokens)
        if found["openinference.span.kind"] == "EMBEDDING":
            _fit(found, "embedding.embeddings", _embedded(content), room)
        else:
            _said(found, call, content, room)
    return {key: sound(value) if type(value) is str else value for key, value in found.items()}


def room_on(span: Any, taken: int = 0) -> int | None:
    """How many more attributes an SDK span can hold, or ``None`` where it tells no limit.

    Args:
        span: the span. taken: how many attributes are about to be set besides.
    """
    most = getattr(getattr(span, "_limits", None), "max_span_attributes", None)
    if not isinstance(most, int):
        return None
    return max(most - len(getattr(span, "attributes", None) or ()) - taken, 0)


def _kind(call: Call) -> str:
    if not call.endpoint.model:
        return "UNKNOWN"
    return "EMBEDDING" if call.endpoint.operation == "embeddings" else "LLM"


def _for_whom(found: dict[str, Value], call: Call, outcome: Outcome) -> None:
    tags = dict(call.tags)
    user, session = tags.pop("user", None), tags.pop("session", None)
    if user is not None:
        found["user.id"] = str(user)
    if session is None:
        session = outcome.facts.conversation
    if session is not None:
        found["session.id"] = str(session)
    if tags:
        found["metadata"] = to_json(tags)


def _model(found: dict[str, Value], call: Call, outcome: Outcome) -> None:
    body = outcome.sent if outcome.sent is not None else call.body
    asked, got = body.get("model"), outcome.facts.model
    parameters = to_json(_parameters(body))
    if found["openinference.span.kind"] == "EMBEDDING":
        found["embedding.invocation_parameters"] = parameters
        if got or isinstance(asked, str):
            found["embedding.model_name"] = got or str(asked)
        return
    found["llm.invocation_parameters"] = parameters
    if isinstance(asked, str):
        found["llm.model_name"] = found["llm.request.model_name"] = asked
    if got is not None:
        found["llm.model_name"] = found["llm.response.model_name"] = got
    if outcome.facts.finish_reasons:
        found["llm.finish_reason"] = outcome.facts.finish_reasons[0]


def _parameters(body: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: value for key, value in body.items() if _is_parameter(key, value)}
    return _without_schemas(plain(told))


def _is_parameter(key: str, value: object) -> bool:
    if isinstance(value, (bool, int, float)):
        return True
    # `text` is settings in a response's request, and something said in anybody else's.
    return key in _PARAMETERS and not (key == "text" and isinstance(value, str))


def _without_schemas(value: Any) -> Any:
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {key: _without_schemas(item) for key, item in fields.items() if key not in _SCHEMAS}
    return [_without_schemas(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value


def _counts(found: dict[str, Value], tokens: Tokens) -> None:
    sent, got = tokens.input_tokens, tokens.output_tokens
    if sent is not None:
        found["llm.token_count.prompt"] = sent
    if got is not None:
        found["llm.token_count.completion"] = got
    if sent is not None and (got is not None or found["openinference.span.kind"] == "EMBEDDING"):
        found["llm.token_count.total"] = sent + (got or 0)
    for field, name in _COUNTS:
        value = getattr(tokens, field)
        if value:
            found[name] = value


def _said(found: dict[str, Value], call: Call, content: Mapping[str, Any], room: int | None) -> None:
    for name, key in (("input", INPUT), ("output", OUTPUT)):
        value = content.get(key)
        if value is not None:
            found[f"{name}.value"], found[f"{name}.mime_type"] = last_said(value)
    if call.endpoint.operation == "text_completion":
        _fit(found, "llm.choices", _texts(content.get(OUTPUT), "completion.text"), room)
        _fit(found, "llm.prompts", _texts(content.get(INPUT), "prompt.text"), room)
        return
    system, tools = flat_system(content.get(SYSTEM)), _tools(content.get(TOOLS))
    _fit(found, "llm.output_messages", flat_messages(content.get(OUTPUT)), room)
    if room is not None:
        for_messages = room - min(len(tools), max(room - len(found), 0) // 4)
        _fit(found, "llm.input_messages", system + flat_messages(content.get(INPUT)), for_messages, len(system))
    else:
        _fit(found, "llm.input_messages", system + flat_messages(content.get(INPUT)), None)
    _fit(found, "llm.tools", tools, room)


def _fit(found: dict[str, Value], prefix: str, flats: Sequence[Flat], room: int | None, pinned: int = 0) -> None:
    """Number the items; where not all have room, those ``pinned`` at the start and the newest are kept."""
    if room is not None:
        flats = _newest(flats, room - len(found), pinned)
    for number, flat in enumerate(flats):
        for key, value in flat.items():
            found[f"{prefix}.{number}.{key}"] = value


def _newest(flats: Sequence[Flat], room: int, pinned: int) -> Sequence[Flat]:
    kept: list[Flat] = []
    for flat in flats[:pinned]:
        if len(flat) <= room:
            kept.append(flat)
            room -= len(flat)
    start = len(flats)
    while start > pinned and len(flats[start - 1]) <= room:
        start -= 1
        room -= len(flats[start])
    return [*kept, *flats[start:]]


def _tools(value: Any) -> list[Flat]:
    """Definitions in the form that the convention recommends: OpenAI's."""
    flats: list[Flat] = []
    for tool in objects(value):
        if tool.get("type") == "function":
            tool = {"type": "function", "function": {key: item for key, item in tool.items() if key != "type"}}
        flats.append({"tool.json_schema": to_json(tool)})
    return flats


def _texts(value: Any, key: str) -> list[Flat]:
    return [{key: str(flat["message.content"])} for flat in flat_messages(value) if "message.content" in flat]


def _embedded(content: Mapping[str, Any]) -> list[Flat]:
    return _texts(content.get(INPUT), "embedding.text")
