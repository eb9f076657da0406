"""Messages as they were read, remembered by their content: a conversation sends nearly all of them again each time."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from tokeneff._plain import fields, plain, sound
from tokeneff.tokens._remembered import Generations, content_digest, digest, fork_safe, shallow_mark, written
from tokeneff.trim._reading import _chat, _messages, _responses
from tokeneff.trim._reading._said import Said, walk

_MOST = 8 * 1024 * 1024
_READERS: dict[str, Callable[[Mapping[str, Any]], Said | None]] = {
    "chat": _chat.read,
    "responses": _responses.read,
    "messages": _messages.read,
}
_seen: Generations[Said] = Generations(_MOST)
fork_safe(_seen)


def said_of(dialect: str, message: Any) -> Said | None:
    """What a message is; ``None`` for what is none."""
    if type(message) is dict:
        found = cast("dict[str, Any]", message)
        mark: Any = shallow_mark(dialect, found)
        if mark is not None:
            return _seen.get(mark) or _remembered(mark, dialect, found, 600)
        data = written(found)
        if data is not None:
            mark = (dialect, digest(data))
            return _seen.get(mark) or _remembered(mark, dialect, found, 0)
    if isinstance(message, str):
        said = _responses.text(message) if dialect == "responses" else None
        return said and said._replace(digest=content_digest(message))
    return _strange(dialect, message)


def _remembered(mark: Any, dialect: str, message: dict[str, Any], weight: int) -> Said | None:
    said = _READERS[dialect](message)
    if said is None:
        return None
    said = said._replace(digest=content_digest(message))
    if weight:  # the mark holds the very texts
        weight += _length(message.values())
    _seen.put(mark, said, weight + 500 + 250 * len(said.parts))
    return said


def _length(values: Iterable[Any]) -> int:
    """Characters of a message of texts and lists of parts of texts."""
    return sum(
        [
            len(value) if type(value) is str else sum([_length(part.values()) for part in value])
            for value in values
            if value is not None
        ]
    )


def _strange(dialect: str, message: Any) -> Said | None:
    """A message that is, or holds, SDK models or mappings of other kinds."""
    if fields(message) is None:
        return None
    copy: Any = plain(message)
    said = _READERS[dialect](cast("dict[str, Any]", copy)) if isinstance(copy, dict) else None
    if said is None:
        return None
    # What is to be replaced must be found again in the caller's own objects.
    parts = [part for part in said.parts if _same(walk(message, part.path), walk(copy, part.path))]
    return said._replace(parts=tuple(parts), digest=content_digest(cast("object", copy)))


def _same(own: Any, copied: str) -> bool:
    return isinstance(own, str) and sound(str.__str__(own)) == copied


def head_of(dialect: str, body: Mapping[str, Any]) -> bytes:
    """16 bytes over what comes before the messages."""
    names = ("tools", "functions", "system", "instructions", "previous_response_id", "conversation", "prompt")
    parts: list[Any] = [dialect]
    for name in names:
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, (list, tuple)):
            value = b"".join([content_digest(item) for item in cast("list[Any]", value)])
        data = written(value)
        parts += (name, data if data is not None else marshal.dumps(plain(value), 2))
    return digest(written(parts) or b"")
