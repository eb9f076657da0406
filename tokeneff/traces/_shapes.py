"""One record of a file, in any of the shapes people keep, to a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from ._detect import dialect_of, kind_of, messages_of, model_of, name_of, role_of, unwrap, url_dialect
from ._messages import prepare, reply_of, text_of
from ._usage import read_time, read_usage
from ._values import Conversation, Dialect, RecordedCall, RecordedReply, RecordedUsage, UnreadableError

Obj = dict[str, Any]

# A record with one of these keeps a whole conversation; without any, it is one request if its last message asks.
_CONVERSATION_KEYS = frozenset({"calls", "format", "source", "reward", "exit_status", "trial", "task_id"})
_SHARED_PARAMS = ("system", "tools", "tool_choice", "max_tokens", "temperature", "thinking")
_MAX_TOKENS = 4096  # Anthropic requires one; recordings seldom keep it


def conversation_of(record: Any, file: str, line: int, fallback_id: str, tools: Sequence[Any] = ()) -> Conversation:
    """Return the conversation a record holds; raises `UnreadableError` saying what the record lacks."""
    if isinstance(record, list):
        return conversation_of({"messages": record}, file, line, fallback_id, tools)
    if not isinstance(record, dict):
        raise UnreadableError(f"not a conversation or request: expected an object, found {kind_of(record)}")
    obj = cast(Obj, record)
    name = name_of(obj, fallback_id)
    body, response, url = unwrap(obj)
    if body is not obj:
        return _request(body, response, url, name, file, line)
    messages = messages_of(obj)
    asks = not any(key in obj for key in _CONVERSATION_KEYS) and role_of(messages[-1]) != "assistant"
    if asks or all(role_of(message) != "assistant" for message in messages):
        return _request(obj, None, None, name, file, line)
    return _conversation(obj, messages, name, file, line, tools)


def _conversation(obj: Obj, messages: list[Any], name: str, file: str, line: int, tools: Sequence[Any]) -> Conversation:
    dialect = dialect_of(obj, messages)
    recorded, compactions = _recorded_calls(obj.get("calls"))
    model = model_of(obj) or "unknown"
    if model == "unknown" or "/claude" in model:  # several models in one name: the calls know which one it was
        model = (
            next((model_of(call) for calls in recorded.values() for call in calls if model_of(call)), model) or model
        )
    params: Obj = {key: obj[key] for key in _SHARED_PARAMS if obj.get(key) is not None}
    if tools and dialect == "openai":
        params.setdefault("tools", list(tools))
    shared, lengths, system = _prepare_all(messages, dialect)
    _finish_params(params, dialect, system)
    calls: list[RecordedCall] = []
    for index, message in enumerate(messages):
        if role_of(message) != "assistant" or not lengths[index]:  # what comes before any message answers no request
            continue
        waiting = recorded.get(index)
        known = waiting.pop(0) if waiting else {}
        called = model_of(known) or model_of(message) or model
        usage = read_usage(known) or read_usage(known.get("usage")) or read_usage(message.get("usage"))
        reply = _with(reply_of(message, dialect), called, known.get("finish_reason") or message.get("stop_reason"))
        calls.append(RecordedCall(dialect, called, reply, usage, read_time(known), shared, lengths[index], params))
    if not calls:
        raise UnreadableError("no assistant message that answers a request")
    summed_up = tuple(lengths[min(max(place, 0), len(messages))] for place in compactions)
    return Conversation(name, model, dialect, tuple(calls), file, line, summed_up)


def _request(body: Obj, response: Any, url: str | None, name: str, file: str, line: int) -> Conversation:
    messages = messages_of(body)
    model = model_of(body)
    if model is None:
        raise UnreadableError("a request without a model")
    dialect: Dialect = dialect_of(body, messages) if url is None else url_dialect(url)
    shared, lengths, system = _prepare_all(messages, dialect)
    if not shared:
        raise UnreadableError("no message that could be sent")
    params = {key: value for key, value in body.items() if key not in ("model", "messages", "id") and value is not None}
    _finish_params(params, dialect, system)
    reply, usage, time = _response(response, dialect)
    call = RecordedCall(dialect, model, reply, usage, time, shared, lengths[-1], params)
    return Conversation(name, model, dialect, (call,), file, line)


def _response(raw: Any, dialect: Dialect) -> tuple[RecordedReply | None, RecordedUsage | None, float | None]:
    if isinstance(raw, str):
        return RecordedReply(text=raw or None), None, None
    if not isinstance(raw, dict):
        return None, None, None
    obj = cast(Obj, raw)
    if isinstance(obj.get("body"), dict):  # a line of a batch's output
        return _response(obj["body"], dialect)
    usage, time, model = read_usage(obj.get("usage")), read_time(obj), model_of(obj)
    choices = obj.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        choice = cast(Obj, choices[0])
        message = choice.get("message")
        found = cast(Obj, message) if isinstance(message, dict) else {"content": choice.get("text")}
        return _with(reply_of(found, "openai"), model, choice.get("finish_reason")), usage, time
    if "content" in obj:
        reply = reply_of(obj, dialect)
        return _with(reply, model, obj.get("stop_reason") or obj.get("finish_reason")), usage, time
    return None, usage, time


def _with(reply: RecordedReply, model: str | None, finish: Any) -> RecordedReply:
    reason = finish if isinstance(finish, str) else None
    return RecordedReply(reply.text, reply.tool_calls, reply.reasoning, reason, model)


def _prepare_all(messages: list[Any], dialect: Dialect) -> tuple[tuple[Obj, ...], list[int], list[Any]]:
    """Return the messages as sent, for each recorded position how many of them precede it, and the system prompt."""
    shared: list[Obj] = []
    lengths = [0]
    system: list[Any] = []
    for message in messages:
        if dialect == "anthropic" and role_of(message) in ("system", "developer"):
            system.append(cast(Obj, message).get("content"))
        sent = prepare(message, dialect)
        if sent is not None:
            shared.append(sent)
        lengths.append(len(shared))
    return tuple(shared), lengths, system


def _finish_params(params: Obj, dialect: Dialect, system: list[Any]) -> None:
    if dialect == "openai":
        return
    params.setdefault("max_tokens", _MAX_TOKENS)
    text = "\n\n".join(filter(None, map(text_of, system)))
    if text and "system" not in params:
        params["system"] = text


def _recorded_calls(raw: Any) -> tuple[dict[int, list[Obj]], tuple[int, ...]]:
    """Return the recorded calls by how many messages they carried, and where the history was summed up."""
    calls: dict[int, list[Obj]] = {}
    compactions: list[int] = []
    for item in cast("list[Any]", raw) if isinstance(raw, list) else []:
        call = cast(Obj, item) if isinstance(item, dict) else {}
        position = call.get("n_messages_in")
        if not isinstance(position, int):
            continue
        if "event" not in call:
            calls.setdefault(position, []).append(call)
        elif call["event"] == "compact_boundary":
            compactions.append(position)
    return calls, tuple(compactions)
