"""What models are known not to take, so that a request that was written for another can be asked of them.

Only what its provider is known to answer with an error. What a model is not known to refuse is left to its provider.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from tokeneff.budgets._limits import plain_name


class Field(NamedTuple):
    """A field of a request's body, or a part of it."""

    name: str
    inner: str = ""
    """Only this field of it."""
    item: str = ""
    """Only this item of it."""
    kind: str = ""
    """Only where its ``type`` is this."""

    def __str__(self) -> str:
        return f"{self.name}.{self.inner or self.item}" if self.inner or self.item else self.name


_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias")
_EFFORT = (Field("output_config", "effort"),)

# Sources, as of 2026-11-22: the providers' own pages.
#   https://platform.openai.com/docs/guides/reasoning                       (which of them reason)
#   https://platform.openai.com/docs/guides/latest-model                    (parameters with and without reasoning)
#   https://platform.claude.com/docs/en/build-with-claude/extended-thinking, …/adaptive-thinking, …/effort, …/fast-mode
#   https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html
_REFUSED: tuple[tuple[tuple[str, ...], tuple[Field, ...]], ...] = (
    (
        ("gpt-4*", "gpt-3.5*", "gpt-35*", "chatgpt-4o*", "gpt-5-chat*"),
        (
            Field("reasoning_effort"),
            Field("reasoning"),
            Field("verbosity"),
            Field("text", "verbosity"),
            Field("include", item="reasoning.encrypted_content"),
        ),
    ),
    (
        ("o1*", "o3*", "o4-mini*", "gpt-5", "gpt-5-mini*", "gpt-5-nano*", "gpt-5-2*"),
        (*map(Field, _SAMPLING), Field("include", item="message.output_text.logprobs")),
    ),
    (
        ("claude-2*", "claude-instant*", "claude-3-opus*", "claude-3-sonnet*", "claude-3-haiku*", "claude-3-5*"),
        (Field("thinking"), *_EFFORT, Field("speed")),
    ),
    (
        (
            *("claude-3-7*", "claude-haiku-4-5*", "claude-sonnet-4-5*", "claude-sonnet-4-0*", "claude-sonnet-4-2*"),
            *("claude-opus-4-0*", "claude-opus-4-1*", "claude-opus-4-2*", "claude-sonnet-4", "claude-opus-4"),
        ),
        (Field("thinking", kind="adaptive"), *_EFFORT, Field("speed")),
    ),
    (("claude-opus-4-5*",), (Field("thinking", kind="adaptive"), Field("speed"))),
    (("claude-opus-4-7*", "claude-opus-4-8*"), (Field("thinking", kind="enabled"),)),
    (("claude-fable-*", "claude-mythos-*"), (Field("thinking", kind="enabled"), Field("thinking", kind="disabled"))),
    (("claude-sonnet-*", "claude-haiku-*"), (Field("speed"),)),
)
_RENAMED = ("o1*", "o3*", "o4-mini*", "gpt-5*")
"""Of these, the chat API takes ``max_completion_tokens`` alone."""


@lru_cache(maxsize=256)
def refused(model: str) -> tuple[Field, ...]:
    """What a model is known not to take.

    >>> [str(field) for field in refused("claude-haiku-4-5")]
    ['thinking', 'output_config.effort', 'speed']
    """
    name = plain_name(model)
    return next((fields for globs, fields in _REFUSED if fits(name, globs)), ())


def newer_cap(model: str) -> bool:
    """Whether its limit to the output has the newer name only."""
    name = plain_name(model)
    return fits(name, _RENAMED) and not fits(name, ("gpt-5-chat*",))


def fits(name: str, globs: tuple[str, ...]) -> bool:
    """Whether a plain name is one of these patterns (* and ? as in file names)."""
    return any(fnmatchcase(name, glob) for glob in globs)
