"""Counting a request before it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from tokeneff._plain import fields, items, plain, string
from tokeneff.tokens._counter import Counter, counter
from tokeneff.tokens._models import style_of
from tokeneff.tokens._split import raw_parts, scaled

if TYPE_CHECKING:
    from tokeneff.accounts import InputParts

_PATIENCE = 10.0
"""Seconds that a count asked for by hand waits for a vocabulary; a live call waits for none."""

RequestDialect: TypeAlias = Literal["chat", "responses", "messages", "completions", "embeddings"]

_PROVIDERS = {"anthropic": "anthropic", "google": "gcp.gemini"}


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How many input tokens a request is; ``print`` it for a table.

    >>> print(tokeneff.count(request))  # doctest: +SKIP
    1,204 input tokens, counted by o200k_base, within about 2 %
      system        310
      tools         702
      user          192
    """

    input_tokens: int
    """What the provider is expected to report."""
    parts: InputParts
    """The same by what they are; they sum to ``input_tokens``."""
    encoding: str
    """What texts were counted by: a tiktoken encoding, a tokenizer's file, or ``estimator``."""
    source: Literal["counted", "estimated"]
    """``counted``: by the model's own vocabulary; ``estimated``: by another one, or by the kinds of characters."""
    expected_error: float
    """Relative: the provider's own count is within it about five times out of six."""
    unknown: tuple[str, ...] = ()
    """What is not in the count (``audio``, ``file``, …) or only by an assumption (``image size``)."""

    def __str__(self) -> str:
        lines = [
            f"{self.input_tokens:,} input tokens, {self.source} by {self.encoding}, "
            f"within about {self.expected_error * 100:.2g} %".replace("%", " %").replace("  ", " ")
        ]
        width = max(map(len, self.parts._fields))
        lines += [f"  {name:{width}}  {tokens:>9,}" for name, tokens in self.parts._asdict().items() if tokens]
        if self.unknown:
            lines.append(f"  not known: {', '.join(self.unknown)}")
        return "\n".join(lines)


def count(
    request: Mapping[str, Any], model: str | None = None, *, provider: str | None = None, by: Counter | None = None
) -> TokenCount:
    """Count a request's input tokens before it is sent.

    >>> count({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hello"}]}).source
    'estimated'

    Args:
        request: the arguments of ``chat.completions.create``, ``responses.create``, ``messages.create``,
            ``completions.create`` or ``embeddings.create``, told apart by their shape; values may be the SDKs' own.
        model: in place of the request's own; needed if it has none.
        provider: ``gen_ai.provider.name``, by which what was learnt is kept; by default what the model's name says.
        by: the counter to ask; by default this process's, which learns from each call of wrapped clients.

    Returns:
        the count; of the model's own vocabulary if that is at hand or loads within 10 seconds, else an estimate.

    Raises:
        TypeError: ``request`` is no mapping, what it asks is no text and no messages, or no model is named.
        ValueError: the request has neither messages, nor input, nor a prompt.
    """
    body = request if isinstance(request, Mapping) else fields(request)  # pyright: ignore[reportUnnecessaryIsInstance]
    if body is None:
        raise TypeError(f"a request is a mapping of a create call's arguments, not {type(request).__name__}")
    named = string(body.get("model") if model is None else model)
    if not named:
        raise TypeError("a count needs a model: put it into the request, or give model=…")
    body = _merged(body)
    _check_messages(body.get("messages"))
    for name in ("input", "prompt"):
        if not isinstance(body.get(name) or "", Iterable):
            raise TypeError(f"{name} is a text or a list, not a value of type {type(body[name]).__name__}")
    dialect = dialect_of(body, named)
    asked = counter() if by is None else by
    asked.await_vocabulary(named, _PATIENCE)
    prompt = asked.prompt(dialect, body, named)
    tokens, error = asked.expected(prompt, named, provider or _provider(named))
    parts = scaled(raw_parts(prompt), tokens)
    return TokenCount(
        sum(parts), parts, prompt.encoding, "counted" if prompt.exact else "estimated", error, prompt.unknown
    )


def dialect_of(body: Mapping[str, Any], model: str = "") -> RequestDialect:
    """Which create call these arguments are for; raises ``ValueError`` for none of them."""
    if body.get("messages") is not None:
        return "messages" if _is_anthropic(body, model) else "chat"
    if body.get("input") is not None:
        embeds = "embed" in model.lower() or any(key in body for key in ("dimensions", "encoding_format", "input_type"))
        return "embeddings" if embeds else "responses"
    if any(body.get(key) is not None for key in ("instructions", "previous_response_id", "conversation")):
        return "responses"
    if body.get("prompt") is not None:
        return "completions" if fields(body["prompt"]) is None else "responses"
    raise ValueError("a request has `messages`, `input` or `prompt`; this one has none of them")


def _check_messages(messages: object) -> None:
    if messages is None:
        return
    if isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Iterable):
        found = type(cast("object", messages)).__name__
        raise TypeError(f'messages are a list, as [{{"role": "user", "content": "Hi"}}], not a value of type {found}')
    for index, message in enumerate(items(cast("object", messages))):
        if fields(message) is None:
            found = type(message).__name__
            raise TypeError(f"messages[{index}] is a mapping with a role and a content, not a value of type {found}")


def _is_anthropic(body: Mapping[str, Any], model: str) -> bool:
    from tokeneff.traces._detect import dialect_of as recorded_dialect  # pyright: ignore[reportPrivateUsage]

    if any(key in body for key in ("max_completion_tokens", "response_format", "functions", "stream_options")):
        return False
    obj = {key: body[key] for key in ("system", "stop_sequences", "anthropic_version") if body.get(key) is not None}
    messages = [_shown(message) for message in items(body["messages"])]
    tools = [plain(tool) for tool in items(body.get("tools"))]
    return recorded_dialect({**obj, "model": model, "tools": tools}, messages) == "anthropic"


def _shown(message: object) -> Any:
    """A message as far as its dialect shows in it, without a copy of what it says."""
    inner = fields(message)
    if inner is None:
        return None
    content = inner.get("content")
    if isinstance(content, str):
        return {**inner, "content": ""}
    shown = [{"type": string(part.get("type"))} for part in map(fields, items(content)) if part is not None]
    return {"role": string(inner.get("role")), "content": shown, **_calls(inner)}


def _calls(inner: Mapping[str, Any]) -> dict[str, Any]:
    return {"tool_calls": True} if inner.get("tool_calls") is not None else {}


def _merged(body: Mapping[str, Any]) -> Mapping[str, Any]:
    extra = fields(body.get("extra_body"))
    if extra is None:
        return body
    return {**{key: value for key, value in body.items() if key != "extra_body"}, **cast("dict[str, Any]", extra)}


@lru_cache(maxsize=1000)
def _provider(model: str) -> str:
    return _PROVIDERS.get(style_of(model).family, "openai")
