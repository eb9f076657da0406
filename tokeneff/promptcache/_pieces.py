"""A request as a provider's prompt cache sees it: a chain of prefixes, each with its digest and its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from tokeneff._plain import fields, items, string
from tokeneff.tokens import Prompt
from tokeneff.tokens._remembered import content_digest

MARKS = ("cache_control", "prompt_cache_breakpoint")
"""What a breakpoint is called, by Anthropic and by OpenAI."""


_NONE: Mapping[str, Any] = MappingProxyType({})


class Mark(NamedTuple):
    """A breakpoint."""

    piece: int
    """The piece that it ends."""
    ttl: str | None = None
    """How long it asks to be kept, as ``1h``; ``None``: the provider's default."""


class Pieces(NamedTuple):
    """A request's prefixes, in the order of the cache: tools, system, messages."""

    chain: tuple[bytes, ...]
    """Of each piece: a digest of everything up to its end; equal exactly if all of that is."""
    ends: tuple[int, ...]
    """Of each: tokens up to its end, in the provider's count as far as that is known."""
    blocks: tuple[int, ...]
    """Of each: content blocks up to its end."""
    tools: int = 0
    """How many pieces are tool schemas."""
    head: int = 0
    """How many are tools or system."""
    marks: tuple[Mark, ...] = ()
    """Breakpoints, in order."""
    implicit: bool = True
    """Whether the provider may set a breakpoint of its own."""
    newest: int = -1
    """The last piece that the model did not write."""
    called: str = ""
    """Names of the tools that the model called last; what it ends with is their results."""

    @property
    def total(self) -> int:
        """Tokens of the whole request."""
        return self.ends[-1] if self.ends else 0

    def scaled(self, total: int) -> Pieces:
        """The same request, of so many tokens in all."""
        whole = self.total
        if whole == total or not whole:
            return self
        return self._replace(ends=tuple([end * total // whole for end in self.ends]))

    def marked(self, marks: Sequence[Mark], implicit: bool = True) -> Pieces:
        """The same request with other breakpoints."""
        return self._replace(marks=tuple(sorted(marks)), implicit=implicit)


NOTHING = Pieces((), (), ())


def pieces_of(
    prompt: Prompt, dialect: str, body: Mapping[str, Any], total: int | None = None, unseen: int = 0
) -> Pieces:
    """Take a request apart as a prompt cache does, with the breakpoints that it has.

    Args:
        prompt: the request, counted (:meth:`tokeneff.tokens.Counter.prompt`).
        dialect: as it was counted by. body: the request; it is not kept.
        total: input tokens in the provider's count, or as expected; ``None``: as counted.
        unseen: tokens of these that come before all that the request shows, as a system prompt that a log leaves out;
            they are a piece of their own.
    """
    found = _chain(prompt, dialect, body, unseen)
    whole = found.ends[-1] if found.ends else 0
    if not whole:
        return NOTHING
    if total is None:
        total = whole + max(prompt.tokens - sum([piece.tokens for piece in prompt.pieces]), 0)
    scale = max(total - unseen, 0) / max(whole - unseen, 1)
    ends = tuple([unseen + round((end - unseen) * scale) for end in found.ends])
    return found._replace(ends=ends)


def _chain(prompt: Prompt, dialect: str, body: Mapping[str, Any], unseen: int) -> Pieces:
    # One running hash: its digest after each piece is that of all pieces so far.
    hashed = blake2b(b"unseen" if unseen else b"", digest_size=16)
    chain: list[bytes] = [hashed.digest()] if unseen else []
    ends, sizes = [unseen] * len(chain), [1] * len(chain)
    tokens, count, tools = unseen, len(chain), len(chain)
    head, newest = tools, -1
    marks: list[Mark] = []
    for piece, content in zip(prompt.pieces, _blocks(prompt, dialect, body), strict=True):
        size = len(content) or 1
        if piece.marked:
            for place, part, ttl in _inner(content):
                if part is not None:  # a prefix that ends within the piece
                    inner = hashed.copy()
                    inner.update(content_digest(part))
                    chain.append(inner.digest())
                    ends.append(tokens + piece.tokens * place // size)
                    sizes.append(count + place)
                marks.append(Mark(len(chain) - (part is not None), ttl))
        kind = piece.kind
        tokens += piece.tokens
        count += size
        hashed.update(piece.digest)
        if kind == "tools" and tools == len(chain):
            tools = head = tools + 1
        elif kind == "system" and head == len(chain):
            head += 1
        if kind != "assistant":
            newest = len(chain)
        chain.append(hashed.digest())
        ends.append(tokens)
        sizes.append(count)
    if body.get(MARKS[0]) and chain:
        marks.append(Mark(len(chain) - 1, string(_fields(body[MARKS[0]]).get("ttl"))))
    implicit = _fields(body.get("prompt_cache_options")).get("mode") != "explicit"
    called = _called(prompt)
    return Pieces(tuple(chain), tuple(ends), tuple(sizes), tools, head, tuple(marks), implicit, newest, called)


def _called(prompt: Prompt) -> str:
    last = next((piece for piece in reversed(prompt.pieces) if piece.kind == "assistant"), None)
    return "" if last is None else " ".join(sorted(set(last.traits.names)))


def _fields(value: object) -> Mapping[str, Any]:
    return fields(value) or _NONE


def _blocks(prompt: Prompt, dialect: str, body: Mapping[str, Any]) -> list[Sequence[Any]]:
    """Of each piece its content blocks, a piece of one block (a tool, a text) as that one."""
    found: list[Sequence[Any]] = [()] * len(prompt.pieces)
    place = 0
    for tool in items(body.get("tools")):
        if place < len(found) and prompt.pieces[place].kind == "tools":
            found[place] = (tool,)
            place += 1
    while place < len(found) and prompt.pieces[place].kind == "tools":
        place += 1
    if dialect == "messages":
        for block in items(body.get("system")):
            if place < len(found) and prompt.pieces[place].kind == "system":
                found[place] = (block,)
                place += 1
    messages = items(body.get("input" if dialect == "responses" else "messages"))
    first = len(found) - len(messages)
    for place, message in enumerate(messages, first) if first >= 0 else ():
        plain = cast("Mapping[str, Any]", message) if type(message) is dict else _fields(message)
        content: Any = plain.get("content")
        if type(content) is not str and content:
            found[place] = items(content)
    return found


def _inner(content: Sequence[Any]) -> list[tuple[int, Any, str | None]]:
    """Breakpoints within a piece: after how many blocks, those as a message where they are not all, and the life."""
    found: list[tuple[int, Any, str | None]] = []
    for place, block in enumerate(content, 1):
        inner = _fields(block)
        mark: Mapping[str, Any] | None = next((_fields(inner[name]) for name in MARKS if inner.get(name)), None)
        if mark is None and any(_fields(deep).get(MARKS[0]) for deep in items(inner.get("content"))):
            mark = _NONE  # within a tool result: its own end is the nearest that is known
        if mark is not None:
            part = None if place == len(content) else {"content": list(content[:place])}
            found.append((place, part, string(mark.get("ttl"))))
    return found
