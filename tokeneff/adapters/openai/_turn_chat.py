"""Chat completions and their chunks, one made of the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from tokeneff.adapters._turning import DONE, Event, Json, Turning, nothing, objects, words

Body = Mapping[str, Any]

_HEAD = ("id", "object", "created", "model", "service_tier", "system_fingerprint", "provider")
_THOUGHTS = ("reasoning_content", "reasoning")
_JOINED = ("content", "refusal", *_THOUGHTS)
_MESSAGE = {"role", *_JOINED, "tool_calls", "function_call", "annotations", "audio"}
_CHOICE = {"index", "message", "delta", "logprobs", "finish_reason"}


class _Unknown(Exception):
    """Something that is not known here, and might be lost in turning."""


def whole(events: Sequence[Json]) -> Json | None:
    """The ``chat.completion`` that was streamed as these chunks; ``None`` also where they had no usage."""
    try:
        return _whole(events)
    except (_Unknown, LookupError, TypeError, AttributeError):
        return None


def _whole(chunks: Sequence[Json]) -> Json | None:
    usage = next((chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage")), None)
    head = next((chunk for chunk in chunks if chunk.get("choices")), None)
    if usage is None or head is None:
        return None
    known = {*_HEAD, "choices", "usage", "obfuscation"}
    choices: dict[int, _Choice] = {}
    for chunk in chunks:
        if any(key not in known and not nothing(value) for key, value in chunk.items()):
            return None
        for said in chunk.get("choices") or ():
            choices.setdefault(said["index"], _Choice()).add(said)
    made: Json = {key: head[key] for key in _HEAD if key in head}
    for chunk in chunks:  # said by the last one, where only that knows
        made |= {key: chunk[key] for key in ("service_tier", "system_fingerprint") if not nothing(chunk.get(key))}
    made["object"] = "chat.completion"
    made["choices"] = [choices[index].whole(index) for index in sorted(choices)]
    made["usage"] = usage
    return made


class _Choice:
    """One choice, as it comes."""

    def __init__(self) -> None:
        self.message: Json = {}
        self.calls: dict[int, Json] = {}
        self.logprobs: Json | None = None
        self.finish: str | None = None
        self.annotations: list[Any] = []

    def add(self, said: Json) -> None:
        if any(key not in _CHOICE and not nothing(value) for key, value in said.items()):
            raise _Unknown
        self.finish = said.get("finish_reason") or self.finish
        given: Json = said.get("logprobs") or {}
        for key, entries in given.items():
            self.logprobs = self.logprobs or {}
            if entries is None:
                self.logprobs.setdefault(key, None)
            else:
                self.logprobs[key] = [*(self.logprobs.get(key) or ()), *entries]
        delta: Json = said.get("delta") or {}
        for key, value in delta.items():
            self._delta(key, value)

    def _delta(self, key: str, value: Any) -> None:
        if key == "role":
            self.message[key] = value
        elif key == "tool_calls":
            for call in value or ():
                _join(self.calls.setdefault(call["index"], {}), call)
        elif key == "function_call" and value is not None:
            _join(self.message.setdefault(key, {}), value)
        elif key == "annotations":
            self.annotations += value or ()
        elif key in _JOINED:
            before = self.message.get(key)
            self.message[key] = value if before is None else before + (value or "")
        elif not nothing(value):
            raise _Unknown

    def whole(self, index: int) -> Json:
        message = {"role": "assistant", "content": None, **self.message}
        if self.finish is None:
            raise _Unknown  # cut off
        if self.calls:
            message["tool_calls"] = [_call(self.calls[number]) for number in sorted(self.calls)]
            message["content"] = message["content"] or None
        elif message.get("refusal") and not message["content"]:
            message["content"] = None
        if self.annotations or "refusal" in message:
            message["annotations"] = self.annotations
        return {"index": index, "message": message, "logprobs": self.logprobs, "finish_reason": self.finish}


def _call(call: Json) -> Json:
    return {key: value for key, value in call.items() if key != "index"}


def _join(made: Json, said: Json) -> None:
    """Names come whole, arguments in pieces."""
    for key, value in said.items():
        if isinstance(value, dict):
            _join(made.setdefault(key, {}), cast("Json", value))
        elif key in ("arguments", "input"):
            made[key] = (made.get(key) or "") + (value or "")
        elif value is not None:
            made[key] = value


def events(whole: Json, body: Body) -> list[Event] | None:
    """The chunks that this ``chat.completion`` would have been streamed as, as far as that can be known: its words one
    by one."""
    choices = objects(whole.get("choices"))
    known = {*_HEAD, "choices", "usage"}
    if not choices or any(key not in known and not nothing(value) for key, value in whole.items()):
        return None
    asked = body.get("stream_options")
    with_usage = isinstance(asked, Mapping) and bool(cast("Body", asked).get("include_usage"))
    head: Json = {key: whole[key] for key in _HEAD if key in whole} | {"object": "chat.completion.chunk"}
    beside: Json = {"usage": None} if with_usage else {}
    made: list[Event] = []
    try:
        for choice in choices:
            made += [(None, {**head, "choices": [said], **beside}) for said in _chunks(choice)]
    except (_Unknown, LookupError, TypeError, AttributeError):
        return None
    if with_usage:
        made.append((None, {**head, "choices": [], "usage": whole.get("usage")}))
    return [*made, DONE]


def _chunks(choice: Json) -> Iterator[Json]:
    message: Json = choice["message"]
    if any(key not in _CHOICE and not nothing(value) for key, value in choice.items()):
        raise _Unknown
    if any(key not in _MESSAGE and not nothing(value) for key, value in message.items()) or message.get("audio"):
        raise _Unknown

    def said(delta: Json, logprobs: Any = None, finish: str | None = None) -> Json:
        return {"index": choice["index"], "delta": delta, "logprobs": logprobs, "finish_reason": finish}

    opening: Json = {"role": message.get("role", "assistant"), "content": None if message.get("tool_calls") else ""}
    yield said(opening | ({"refusal": None} if "refusal" in message else {}))
    for key in _THOUGHTS:
        for piece in words(message.get(key) or ""):
            yield said({key: piece})
    for key in ("content", "refusal"):
        for piece, logprobs in _spoken(message.get(key) or "", key, choice.get("logprobs")):
            yield said({key: piece}, logprobs)
    if message.get("annotations"):
        yield said({"annotations": message["annotations"]})
    for number, call in enumerate(message.get("tool_calls") or ()):
        yield from (said({"tool_calls": [{"index": number, **part}]}) for part in _call_parts(call))
    if message.get("function_call"):
        yield from (said({"function_call": part}) for part in _parts(message["function_call"]))
    yield said({}, None, choice["finish_reason"])


def _spoken(text: str, key: str, logprobs: Any) -> Iterator[tuple[str, Any]]:
    """The text in pieces: tokens, each with its own log-probability, where these are known."""
    known: Json = logprobs or {}
    entries: list[Json] = known.get(key) or []
    if entries:
        if "".join(entry["token"] for entry in entries) != text:
            raise _Unknown  # a character in several tokens cannot be told apart
        other = "refusal" if key == "content" else "content"
        yield from ((entry["token"], {key: [entry], other: None}) for entry in entries)
    else:
        yield from ((piece, None) for piece in words(text))


def _call_parts(call: Json) -> Iterator[Json]:
    kind: str = call["type"]
    first, *rest = _parts(call[kind])
    yield {**call, kind: first}
    yield from ({kind: part} for part in rest)


def _parts(function: Json) -> list[Json]:
    """A function's name, then its arguments in two halves."""
    key = "input" if "input" in function else "arguments"
    text: str = function.get(key) or ""
    half = (len(text) + 1) // 2
    return [{**function, key: ""}, *({key: piece} for piece in (text[:half], text[half:]) if piece)]


TURNING = Turning(whole, events)
