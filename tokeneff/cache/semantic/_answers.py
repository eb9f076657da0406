"""What a reply answers, and whether two replies answer the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tokeneff._sse import events
from tokeneff.cache.semantic._guard import negated
from tokeneff.cache.semantic._words import words_of

if TYPE_CHECKING:
    from tokeneff.cache._reply import Reply

_SHORT = 12
"""Words of an answer that has to be the same but for case and punctuation."""
_ALIKE = 0.8
"""Share of the words of content that longer answers have to have in common."""


class Answer(NamedTuple):
    """What a model said: the text, and the tools that it called."""

    text: str = ""
    tool_calls: tuple[tuple[str, str], ...] = ()
    """Name and arguments (JSON text) of each."""


class Mark(NamedTuple):
    """What is remembered of an answer, in place of it."""

    same: str
    """Equal for answers that are the same but for case and punctuation."""
    fixed: str
    """Of all that has to be equal: tools and their arguments, numbers, code, addresses, negations."""
    words: tuple[str, ...]
    """Of a longer answer, a digest of each word of content; none of a short one."""

    def like(self, other: Mark) -> bool:
        """Whether both are the same answer, as :func:`equal` has it."""
        if self.same == other.same:
            return True
        if self.fixed != other.fixed or not self.words or not other.words:
            return False
        mine, theirs = set(self.words), set(other.words)
        return len(mine & theirs) >= _ALIKE * len(mine | theirs)


def equal(kept: Answer, got: Answer) -> bool:
    """Whether two answers say the same, as far as rules can tell; where they cannot, they do not.

    The tools called, with their arguments, have to be the same, and so have numbers, quotations, code, addresses and
    what is negated. Texts of up to 12 words have to be the same but for case and punctuation; longer ones have to have
    four of five words of content in common.

    >>> equal(Answer("Paris."), Answer("paris"))
    True
    >>> equal(Answer("It takes 5 days."), Answer("It takes 6 days."))
    False
    """
    return mark_of(kept).like(mark_of(got))


def mark_of(answer: Answer) -> Mark:
    """What is remembered of an answer."""
    text = answer.text
    parts = [text[at : at + 4000] for at in range(0, len(text), 4000)]
    found = [words_of(part) for part in parts]
    tools = [[name, _canonical(arguments)] for name, arguments in answer.tool_calls]
    plain = [word for words in found for word in words.plain]
    exact = [piece for words in found for piece in words.exact]
    content = sorted({_digest(word, 6) for words in found for word in words.content})
    denied = sum([negated(words) for words in found], Counter[tuple[str, str]]())
    numbers = sorted([word for word in plain if word[0] == "#"])
    fixed = [tools, sorted(exact), numbers, sorted(denied.elements())]
    return Mark(
        _digest(json.dumps([tools, exact, plain]), 16),
        _digest(json.dumps(fixed), 16),
        tuple(content) if len(plain) > _SHORT else (),
    )


def _digest(text: str, size: int) -> str:
    return blake2b(text.encode("utf-8", "replace"), digest_size=size).hexdigest()


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except ValueError:
        return arguments


def answer_of(reply: Reply) -> Answer | None:
    """What a reply says; ``None`` where that cannot be told (several choices, sound, an unknown form)."""
    try:
        if reply.form == "json":
            return _whole(json.loads(reply.body))
        return _streamed(list(events(reply.body))) if reply.form == "sse" else None
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _whole(body: Mapping[str, Any]) -> Answer | None:
    if "choices" in body:
        (choice,) = body["choices"]
        message = choice.get("message", choice)
        calls = [_named(call.get("function") or call.get("custom")) for call in message.get("tool_calls") or ()]
        return None if message.get("audio") else _answer([message.get("content") or message.get("text") or ""], calls)
    if "output" in body:
        return _items(body["output"])
    if isinstance(body.get("content"), list):
        return _blocks(body["content"])
    return None


def _named(call: Mapping[str, Any]) -> tuple[str, str]:
    return call["name"], call.get("arguments") or call.get("input") or ""


def _answer(texts: list[str], calls: list[tuple[str, str]]) -> Answer | None:
    text = "".join(texts)
    return Answer(text, tuple(calls)) if text or calls else None


def _items(items: list[Mapping[str, Any]]) -> Answer | None:
    texts: list[str] = []
    calls: list[tuple[str, str]] = []
    for item in items:
        if item["type"] == "message":
            texts += [part["text"] for part in item["content"]]
        elif item["type"] in ("function_call", "custom_tool_call"):
            calls.append(_named(item))
        elif item["type"] != "reasoning":
            return None
    return _answer(texts, calls)


def _blocks(blocks: list[Mapping[str, Any]]) -> Answer | None:
    texts: list[str] = []
    calls: list[tuple[str, str]] = []
    for block in blocks:
        if block["type"] == "text":
            texts.append(block["text"])
        elif block["type"] == "tool_use":
            given = block["input"]
            calls.append((block["name"], given if isinstance(given, str) else json.dumps(given)))
        elif block["type"] not in ("thinking", "redacted_thinking"):
            return None
    return _answer(texts, calls)


def _streamed(found: list[Any]) -> Answer | None:
    data = [cast("dict[str, Any]", event) for event in found if isinstance(event, dict)]
    for event in data:
        if event.get("type") == "response.completed":
            return _items(event["response"]["output"])
    if any(event.get("type") == "message_start" for event in data):
        return _message(data)
    texts: list[str] = []
    calls: dict[int, list[str]] = {}
    for event in data:
        for choice in event.get("choices") or ():
            if choice.get("index"):
                return None
            delta = choice.get("delta", choice)
            texts.append(delta.get("content") or delta.get("text") or "")
            for call in delta.get("tool_calls") or ():
                function = call.get("function") or call.get("custom")
                slot = calls.setdefault(call.get("index", 0), ["", ""])
                slot[0] += function.get("name") or ""
                slot[1] += function.get("arguments") or function.get("input") or ""
    return _answer(texts, [(name, given) for name, given in calls.values()])


def _message(data: list[dict[str, Any]]) -> Answer | None:
    blocks: dict[int, dict[str, Any]] = {}
    for event in data:
        if event.get("type") == "content_block_start":
            blocks[event["index"]] = {**event["content_block"], "given": ""}
        elif event.get("type") == "content_block_delta":
            block, delta = blocks[event["index"]], event["delta"]
            if delta["type"] == "text_delta":
                block["text"] += delta["text"]
            elif delta["type"] == "input_json_delta":
                block["given"] += delta["partial_json"]
    return _blocks([block | {"input": block["given"] or "{}"} for block in blocks.values()])
