"""Text completions, as they were before chat, and the texts that are to be embedded."""

from __future__ import annotations

from collections.abc import Sequence

from tokeneff._plain import fields, items, string
from tokeneff.adapters._parts import BaseContent, Body, Message, finish, message, output, reasoning, text
from tokeneff.adapters.openai._content.chat_stream import fold


class CompletionContent(BaseContent):
    """Content of ``/completions``: each prompt a user's message, each choice an assistant's."""

    def messages(self, body: Body) -> list[Message]:
        return _prompts(body.get("prompt"))

    def whole(self, data: Body) -> Sequence[Message]:
        return [_choice(choice, "stop") for choice in map(fields, items(data.get("choices"))) if choice is not None]

    def folded(self, events: list[Body]) -> Sequence[Message]:
        return [_choice(choice, "error") for choice in fold(events)]


class EmbeddingsContent(BaseContent):
    """Content of ``/embeddings``: each text a user's message. There is nothing to tell of the vectors."""

    def messages(self, body: Body) -> list[Message]:
        return _prompts(body.get("input"))


def _prompts(value: object) -> list[Message]:
    """Texts as messages; tokens in their place are no text, and left out."""
    texts = map(string, [value] if isinstance(value, str) else items(value))
    return [message("user", [text(said)]) for said in texts if said is not None]


def _choice(choice: Body, default: str) -> Message:
    said, thought = string(choice.get("text")), string(choice.get("reasoning"))
    parts = [reasoning(thought)] if thought else []
    if said:
        parts.append(text(said))
    return output("assistant", parts, finish(choice.get("finish_reason"), default))
