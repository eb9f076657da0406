"""Chat completions, and the completions that came before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from tokeneff._exchange import SKIP
from tokeneff._flow import Call
from tokeneff.adapters import Endpoint
from tokeneff.adapters._reading import BaseReader, part, text
from tokeneff.adapters.openai import _content
from tokeneff.adapters.openai._request import request_attributes
from tokeneff.adapters.openai._usage import tokens_of

Body = Mapping[str, Any]

_TEXTS = ("content", "refusal", "text")
_THOUGHTS = ("reasoning_content", "reasoning")


class ChatReader(BaseReader):
    """Reads ``chat.completion`` and ``chat.completion.chunk``, and the legacy ``text_completion``."""

    __slots__ = ("_ask", "_choices")

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._ask = call.ask_usage
        wanted = call.body.get("n")
        self._choices = wanted if type(wanted) is int else 1

    @property
    def terminal(self) -> bool:
        return len(self.finish) >= self._choices

    def read_whole(self, data: Body) -> None:
        self._usage(data)
        for choice in _items(data.get("choices")):
            self._finished(choice)

    def event(self, data: Any) -> Any:
        if type(data) is not dict:
            return data
        event = cast("dict[str, Any]", data)
        if self.id is None:
            self.head(event)
        if self.events is not None:
            self.events.append(event)
        choices = event.get("choices")
        for choice in choices if type(choices) is list else ():  # pyright: ignore[reportUnknownVariableType]
            self._delta(cast("Body", choice))
        usage = event.get("usage")
        if usage is not None or "x_groq" in event:
            self._usage(event)
        if self._ask:
            if usage is not None and not choices:
                return SKIP
            if usage is None and "usage" in event:
                # A null that is there only because usage was asked for: without asking, the field is not sent.
                return {key: value for key, value in event.items() if key != "usage"}
        return event

    def _usage(self, data: Body) -> None:
        usage = part(data, "usage") or part(part(data, "x_groq"), "usage")
        if usage:
            self.tokens = tokens_of(usage) or self.tokens

    def _finished(self, choice: Body) -> None:
        index = choice.get("index")
        reason = text(choice.get("finish_reason"))
        if reason is not None:
            self.finish[index if type(index) is int else len(self.finish)] = reason
        self._say(part(choice, "message") or choice, choice.get("index"))

    def _delta(self, choice: Body) -> None:
        delta = choice.get("delta")
        reason = choice.get("finish_reason")
        if reason is not None:
            index = choice.get("index")
            self.finish[index if type(index) is int else 0] = str(reason)
        if type(delta) is dict:
            said = cast("dict[str, Any]", delta).get("content")
            if type(said) is str and len(cast("dict[str, Any]", delta)) == 1:
                self.pieces.append(said)
            else:
                self._say(cast("Body", delta), choice.get("index"))
        elif delta is None:
            self._say(choice, choice.get("index"))

    def _say(self, message: Body, choice: object) -> None:
        for key in _TEXTS:
            said = message.get(key)
            if type(said) is str and said:
                self.pieces.append(said)
        for key in _THOUGHTS:
            said = message.get(key)
            if type(said) is str and said:
                self.thoughts.append(said)
                break  # the same under two names, as OpenRouter has it
        calls = message.get("tool_calls")
        if calls:
            for number, call in enumerate(_items(calls)):
                about = part(call, "function") or part(call, "custom")
                arguments = about.get("arguments") or about.get("input")
                self.calls_tool((choice, call.get("index", number)), about.get("name"), arguments)
        legacy = message.get("function_call")
        if legacy:
            about = part(message, "function_call")
            self.calls_tool((choice, None), about.get("name"), about.get("arguments"))


def _items(value: object) -> Sequence[Body]:
    if value is None:
        return ()
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Body", item) for item in items if type(item) is dict or isinstance(item, Mapping)]


ENDPOINTS = {
    "POST /chat/completions": Endpoint(
        "chat",
        ChatReader,
        request_attributes,
        api_type="chat_completions",
        model=True,
        content=_content.ChatContent(),
        dialect="chat",
        turning="tokeneff.adapters.openai._turn_chat",
    ),
    "POST /completions": Endpoint(
        "text_completion",
        ChatReader,
        request_attributes,
        model=True,
        content=_content.CompletionContent(),
        dialect="completions",
        turning="tokeneff.adapters.openai._turn_completions",
    ),
}
