"""One line of a Claude Code session log to what is needed of it.

The format is not documented and changes between versions. Lines of a conversation are ``user`` and ``assistant``, each
with a ``uuid`` and the ``parentUuid`` of the line that it follows; ``message`` is as in Anthropic's Messages API. A
reply is written as one line per content block, each with the reply's ``message.id`` and ``requestId`` and with a
``usage`` that is partial until the last.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from tokeneff._flow import UNKNOWN, Tokens
from tokeneff.logs._fields import Obj, items, micros, obj, text
from tokeneff.traces._usage import read_usage

SAYING = frozenset({"user", "assistant", "system"})
BESIDE = frozenset(
    {"summary", "attachment", "progress", "file-history-snapshot", "file-history-delta", "queue-operation", "mode"}
    | {"ai-title", "custom-title", "agent-name", "agent-color", "last-prompt", "permission-mode", "pr-link", "tag"}
    | {"content-replacement", "worktree-state", "bridge-session", "cost-state", "result", "started", "init", "task"}
    | {"saved_hook_context", "marble-origami-commit", "marble-origami-snapshot", "speculation-accept", "task-summary"}
    | {"attribution-snapshot", "agent-setting", "session-title", "rate_limit_event"}
)
"""Lines that hold no part of a conversation and no usage of their own. ``progress`` repeats what agents' files say."""

_UNIQUE = 16
SYNTHETIC = "<synthetic>"


class Line(NamedTuple):
    """A line that says something, or that the chain of parents leads through."""

    number: int
    uuid: str
    parent: str | None
    """``""`` where the line does not say: the line before it."""
    time: int | None
    role: str
    """``user``, ``assistant``, or empty for what is no message."""
    content: tuple[Any, ...] | str
    reply: str
    """What all lines of one reply share, and no other; empty for what is no reply."""
    fields: Obj


class Usage(NamedTuple):
    """What a line says of its reply's tokens, ordered: of two, the greater one is to be believed."""

    known: bool
    main: bool
    """Not a copy in an agent's own history, whose counts are not the original's."""
    output: int = 0
    """The later a line of a reply is written, the more of these it knows."""
    input: int = 0
    read: int = 0
    write: int = 0
    hour: int = 0

    @property
    def tokens(self) -> Tokens:
        """The same as the flow has it; unknown where the line says nothing."""
        if not self.known:
            return UNKNOWN
        return Tokens(self.input, self.output, self.read, self.write, cache_write_1h=self.hour)


def line_of(number: int, fields: Obj) -> Line | str:
    """Return what the line holds, or why it cannot be used (nothing, for bookkeeping)."""
    kind = fields.get("type")
    if not isinstance(kind, str):
        return "a line without a type"
    if kind not in SAYING:
        if kind in BESIDE:
            return _through(number, fields) if "uuid" in fields else ""
        return f"unknown line type {kind[:40]!r}"
    if kind == "system":
        return _through(number, fields)
    message = fields.get("message")
    if not isinstance(message, dict):
        return f"a line of type {kind!r} without a message"
    content = obj(message).get("content")
    said: tuple[Any, ...] | str = content if isinstance(content, str) else tuple(items(content))
    reply = _reply(fields, obj(message)) if kind == "assistant" else ""
    silent = kind == "assistant" and not is_call(fields)
    role = "" if silent or failed(fields) else kind
    return Line(number, _uuid(fields), _parent(fields), micros(fields.get("timestamp")), role, said, reply, fields)


def _through(number: int, fields: Obj) -> Line:
    return Line(number, _uuid(fields), _parent(fields), micros(fields.get("timestamp")), "", (), "", fields)


def _uuid(fields: Obj) -> str:
    return text(fields.get("uuid"))


def _parent(fields: Obj) -> str | None:
    if "parentUuid" not in fields:
        return ""
    return text(fields["parentUuid"]) or None


def failed(fields: Obj) -> bool:
    """Whether the line stands for a request that the provider refused or that never arrived."""
    return fields.get("isApiErrorMessage") is True


def is_call(fields: Obj) -> bool:
    """Whether an assistant line stands for a call: Claude Code also writes lines of its own in the model's name."""
    return failed(fields) or obj(fields["message"]).get("model") != SYNTHETIC


def _reply(fields: Obj, message: Obj) -> str:
    if not is_call(fields):
        return ""
    if failed(fields):
        return f"error-{_uuid(fields) or _digest(fields)}"
    name = text(message.get("id"))
    if len(name) >= _UNIQUE:  # a provider's own; copies of it may have another request id, or none
        return name
    if name:
        return f"{name}:{text(fields.get('requestId'))}"
    return text(fields.get("requestId")) or _uuid(fields) or _digest(fields)


def _digest(fields: Obj) -> str:
    return hashlib.blake2b(json.dumps(fields, sort_keys=True).encode("utf-8", "replace"), digest_size=12).hexdigest()


def usage_of(fields: Obj) -> Usage:
    """Return what an assistant line says of its reply's tokens."""
    main = fields.get("isSidechain") is not True
    found = None if failed(fields) else read_usage(obj(fields.get("message")).get("usage"))
    if found is None:
        return Usage(False, main)
    write, hour = found.cache_write, found.cache_write_1h
    return Usage(True, main, found.output_tokens, found.input_tokens, found.cache_read, write, hour)
