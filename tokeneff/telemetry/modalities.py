"""A reply's tokens by what they are of: text, images, audio."""

from __future__ import annotations

from tokeneff._flow import Tokens

_MODALITIES: dict[str, tuple[tuple[str, str], ...]] = {
    "input_tokens": (("text", "text_input"), ("image", "image_input"), ("audio", "audio_input")),
    "output_tokens": (("text", "text_output"), ("image", "image_output"), ("audio", "audio_output")),
    "cache_read": (("text", "text_cache_read"), ("image", "image_cache_read"), ("audio", "audio_cache_read")),
}


def by_modality(tokens: Tokens, sent: int | None, got: int | None) -> list[tuple[str, str, int]]:
    """The provider's counts as ``(counter, modality, tokens)``; what is left of a total is of unknown modality, or,
    where other modalities are told apart from it, text."""
    found: list[tuple[str, str, int]] = []
    if sent is not None:
        _split(found, "input_tokens", sent, tokens)
        if tokens.cache_read:
            _split(found, "cache_read", tokens.cache_read, tokens)
        if tokens.cache_write:
            found.append(("cache_write", "unknown", tokens.cache_write))
    if got is not None:
        _split(found, "output_tokens", got, tokens)
        if tokens.reasoning:
            found.append(("reasoning", "unknown", tokens.reasoning))
    return found


def _split(found: list[tuple[str, str, int]], field: str, total: int, tokens: Tokens) -> None:
    rest = total
    for modality, part in _MODALITIES[field]:
        value = getattr(tokens, part)
        if value:
            value = min(value, rest)
            found.append((field, modality, value))
            rest -= value
    if rest or not total:
        found.append((field, "unknown" if rest == total else "text", rest))
