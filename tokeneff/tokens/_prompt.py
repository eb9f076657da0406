"""A request as what it is made of, in the order in which a provider's prompt cache sees it."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["tools", "system", "user", "assistant", "tool"]
"""Whose a piece is: a tool schema (one piece each; also an output schema), a system prompt, or a message."""

Content: TypeAlias = Literal["text", "tool_call", "tool_result", "reasoning", "attached", "schema"]
"""What tokens of a piece are; ``attached``: images, files, audio, documents, search results."""


class Traits(NamedTuple):
    """What is remembered of a piece's content, so that the content itself need not be."""

    lines: tuple[bytes, ...] = ()
    """Digests of its lines, of tool schemas and system prompts only, so that a change can be placed."""
    volatile: tuple[tuple[int, str], ...] = ()
    """Lines that are likely to differ each time, as ``(line from 0, what)``: timestamp, date, uuid, counter."""
    identifiers: frozenset[int] = frozenset()
    """Hashes of the identifiers (words with a digit) in it, of tool results and what assistants wrote."""
    names: tuple[str, ...] = ()
    """Tools that it calls, or the tool that it is the schema of."""


class Piece(NamedTuple):
    """A tool schema, a system prompt or a message."""

    kind: Kind
    digest: bytes
    """16 bytes; equal exactly if what is sent is equal."""
    tokens: int
    """Counted by the prompt's encoding, framing included, before anything learnt is applied."""
    contents: tuple[tuple[Content, int], ...]
    """The same tokens by what they are; they sum to ``tokens``."""
    traits: Traits = Traits()
    marked: bool = False
    """Whether the caller marked a cache breakpoint in it (``cache_control``, ``prompt_cache_breakpoint``)."""


class Prompt(NamedTuple):
    """A request, counted."""

    pieces: tuple[Piece, ...]
    """Tools, then system, then messages, as sent."""
    tokens: int
    """Sum over the pieces, and what frames the whole."""
    encoding: str
    """``o200k_base``, ``cl100k_base``, a tokenizer file's name, or ``estimator``."""
    exact: bool
    """Whether ``encoding`` is the model's own; otherwise ``tokens`` is an estimate even before framing."""
    unknown: tuple[str, ...] = ()
    """What could not be counted, as ``audio`` or ``file``, and is not in ``tokens``; ``image size``: an image is in it
    by an assumption."""
    digest: bytes = b""
    """16 bytes over the whole body: equal exactly if the requests are."""
