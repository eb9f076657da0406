"""Smaller models of the same maker, for asking what a call would have cost there."""

from __future__ import annotations

import re

from tokeneff.prices._names import plain, spellings

# By rule, so that a new generation needs no new line: what the name of a model becomes for its smaller siblings, in
# order of price. The first that fits counts.
_RULES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern), siblings)
    for pattern, siblings in (
        (r"^gpt-5\.6(?:-sol)?$", ("gpt-5.6-terra", "gpt-5.6-luna")),
        (r"^gpt-5\.6-terra$", ("gpt-5.6-luna",)),
        (r"^gpt-6-astra$", ("gpt-6-sol", "gpt-6-luna")),
        (r"^gpt-6\.1-sol$", ("gpt-6.1-terra", "gpt-6-luna")),
        (r"^gpt-6(?:\.1-terra|-sol)$", ("gpt-6-luna",)),
        (r"^(gpt-(?:5(?:\.4)?|4\.1))(?:-chat(?:-latest)?|-codex)?$", (r"\1-mini", r"\1-nano")),
        (r"^(gpt-(?:5(?:\.4)?|4\.1))-mini$", (r"\1-nano",)),
        (r"^(gpt-5)(?:\.[1235])?(?:-pro)?(?:-chat-latest|-codex|-codex-max)?$", (r"\1-mini", r"\1-nano")),
        (r"^gpt-4o$|^chatgpt-4o-latest$", ("gpt-4o-mini",)),
        (r"^gpt-4(?:-turbo.*|-32k)?$", ("gpt-4o", "gpt-4o-mini")),
        (r"^o1(?:-preview|-pro)?$|^o3(?:-pro)?$", ("o4-mini",)),
        (r"^claude-(?:fable|mythos)-5-[12]$", ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")),
        (r"^claude-(?:fable|mythos)-5$", ("claude-opus-5", "claude-sonnet-5", "claude-haiku-4-5")),
        (r"^claude-opus-5-5$", ("claude-sonnet-5-5", "claude-haiku-5-5")),
        (r"^claude-opus-5$", ("claude-sonnet-5", "claude-haiku-4-5")),
        (r"^claude-opus-4-[678]$", ("claude-sonnet-4-6", "claude-haiku-4-5")),
        (r"^claude-(?:opus-4|3-opus|4-opus).*$", ("claude-sonnet-4-5", "claude-haiku-4-5")),
        (r"^claude-sonnet-5-5$", ("claude-haiku-5-5",)),
        (r"^claude-(?:sonnet-|3-[57]-sonnet|3-sonnet|4-sonnet).*$", ("claude-haiku-4-5",)),
        (r"^gemini-2\.5-pro.*$", ("gemini-2.5-flash", "gemini-2.5-flash-lite")),
        (r"^gemini-2\.5-flash(?!-lite).*$", ("gemini-2.5-flash-lite",)),
        (r"^gemini-3-pro.*$", ("gemini-3-flash-preview", "gemini-2.5-flash-lite")),
        (r"^gemini-3\.\d-pro.*$", ("gemini-3.8-flash", "gemini-3.5-flash-lite")),
        (r"^gemini-3[.\d]*-flash(?!-lite)(?:-preview.*)?$", ("gemini-3.5-flash-lite",)),
        (r"^gemini-4-argon.*$", ("gemini-3.8-flash", "gemini-3.5-flash-lite")),
        (r"^mistral-large.*$", ("mistral-medium-latest", "mistral-small-latest")),
        (r"^mistral-medium.*$", ("mistral-small-latest",)),
    )
)


def cheaper(model: str) -> tuple[str, ...]:
    """Names of smaller models of the same maker, the dearest first; none where none is known.

    >>> cheaper("gpt-5-2025-08-07")
    ('gpt-5-mini', 'gpt-5-nano')
    >>> cheaper("us.anthropic.claude-opus-4-5-20251101-v1:0")
    ('claude-sonnet-4-5', 'claude-haiku-4-5')

    What they cost is for :meth:`Prices.rates` to say: a sibling that is not cheaper for some call is left to the asker.
    """
    for spelling, _, _ in spellings(plain(model)):
        for pattern, siblings in _RULES:
            if match := pattern.match(spelling):
                return tuple(match.expand(sibling) for sibling in siblings)
    return ()
