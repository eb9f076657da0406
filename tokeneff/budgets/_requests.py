"""What a request says that matters for what it may cost: how much it lets be said, and what nobody can foresee."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tokeneff._plain import absent, fields, items, string
from tokeneff.budgets._limits import Limit

if TYPE_CHECKING:
    from tokeneff.accounts import Asked
    from tokeneff.tokens import Prompt

_RUN_BY_CALLERS = ("bash", "text_editor", "computer", "memory", "local_shell", "shell", "apply_patch", "custom")
CAPS = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "messages": ("max_tokens",),
    "embeddings": (),
    None: ("max_tokens_to_sample", "max_output_tokens", "max_tokens"),
}


def sealed(value: object, depth: int = 0) -> Iterator[str]:
    """What a request holds encrypted: it stands for no more tokens than it has characters."""
    inner = fields(value) if not isinstance(value, str) else None
    if inner is not None:
        for key, item in inner.items():
            if isinstance(item, str):
                # An image has data as well, which is no secret, and is counted as an image.
                if key == "encrypted_content" or (key == "data" and inner.get("type") == "redacted_thinking"):
                    yield item
            elif depth < 6:
                yield from sealed(item, depth + 1)
    elif depth < 6 and not isinstance(value, str):
        for item in items(value):
            yield from sealed(item, depth + 1)


def hosted(body: Mapping[str, Any]) -> bool:
    """Whether the provider runs some of the tools, whose results it then bills."""
    for tool in items(body.get("tools")):
        told = fields(tool) or {}
        kind = string(told.get("type")) or "function"
        if kind != "function" and "input_schema" not in told and not kind.startswith(_RUN_BY_CALLERS):
            return True
    return given(body, "mcp_servers") or given(body, "web_search_options")


def given(body: Mapping[str, Any], name: str) -> bool:
    """Whether the caller said anything here; what the SDKs mark as not given is not sent."""
    value = body.get(name)
    return value is not None and value is not False and not absent(value)


def output_of(asked: Asked, limit: Limit) -> tuple[int, bool]:
    """Tokens of one choice at most, and whether the caller said so."""
    body = asked.body
    if asked.dialect == "embeddings":
        return 0, True
    caps = [cap for name in CAPS[asked.dialect] if type(cap := body.get(name)) is int and cap >= 0]
    more = 0
    predicted = fields(body.get("prediction"))
    if predicted is not None:  # what is predicted and not taken is billed as output
        more = len(string(predicted.get("content")) or str(predicted.get("content")))
    if not caps:
        return limit.output + more, False
    cap = max(caps)
    thinking = (fields(body.get("thinking")) or {}).get("budget_tokens")
    if type(thinking) is int and thinking >= cap:  # allowed where thinking is interleaved with tools
        cap += thinking
    return cap + more, True


def prompts_of(asked: Asked) -> int:
    """How many prompts a request has: a list of texts, or of lists of tokens, is as many."""
    name = {"completions": "prompt", "embeddings": "input"}.get(asked.dialect or "")
    prompts = items(asked.body.get(name)) if name else ()
    return len(prompts) if prompts and not isinstance(prompts[0], int) else 1


def choices_of(asked: Asked) -> int:
    """Replies that are written: ``n`` of them, or the ``best_of`` as many, to each prompt."""
    many = (many for name in ("n", "best_of") if type(many := asked.body.get(name)) is int)
    return max(1, *many, 1) * prompts_of(asked)


def all_seen(asked: Asked, prompt: Prompt, limit: Limit) -> bool:
    """Whether all of the output that is billed can be read from its stream."""
    body = asked.body
    if not limit.visible or asked.dialect not in ("chat", "completions", "responses", "messages"):
        return False
    thinking = fields(body.get("thinking"))
    if thinking is not None and string(thinking.get("type")) != "disabled":
        return False
    if "hosted tool" in prompt.unknown and hosted(body):
        return False
    return not (sounds(body) or any(given(body, name) for name in ("background", "web_search_options", "prediction")))


def sounds(body: Mapping[str, Any]) -> bool:
    """Whether the reply may be spoken."""
    return "audio" in items(body.get("modalities")) or given(body, "audio")


def kept_an_hour(value: object, depth: int = 0) -> bool:
    """Whether a mark for the cache asks for an hour."""
    inner = fields(value) if not isinstance(value, str) else None
    if inner is None:
        return depth < 6 and not isinstance(value, str) and any(kept_an_hour(one, depth + 1) for one in items(value))
    mark = fields(inner.get("cache_control"))
    if mark is not None and string(mark.get("ttl")) == "1h":
        return True
    return depth < 6 and any(
        kept_an_hour(inner.get(name), depth + 1) for name in ("tools", "system", "messages", "content")
    )
