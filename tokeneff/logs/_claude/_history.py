"""The messages that a request carried, from the chain of lines that leads to its reply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from tokeneff.logs._claude._lines import Line
from tokeneff.logs._fields import Obj, items, obj


class Conversation:
    """A file's lines by name, its replies whole, and its tool results.

    A chain alone is not the conversation: the results of tools called side by side each follow their own line of the
    reply, so that only one of them is an ancestor of the next reply.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines: dict[str, Line] = {}
        self.replies: dict[str, list[Line]] = {}
        self.results: dict[str, Line] = {}
        for line in lines:
            if line.uuid in self.lines:
                continue
            self.lines[line.uuid] = line
            if line.reply:
                self.replies.setdefault(line.reply, []).append(line)
            elif line.role == "user" and not isinstance(line.content, str):
                for answered in _answered(line.content):
                    self.results.setdefault(answered, line)

        self._roots: dict[str, str] = {}

    def root(self, line: Line) -> str:
        """The name of the line that the chain of parents begins with."""
        passed: list[str] = []
        name = line.uuid
        while name not in self._roots and name not in passed[-1:]:
            passed.append(name)
            parent = self.lines[name].parent
            if not parent or parent not in self.lines or len(passed) > len(self.lines):
                break
            name = parent
        root = self._roots.get(name, passed[-1] if passed else name)
        self._roots.update(dict.fromkeys(passed, root))
        return root

    def said(self, reply: str) -> list[Any]:
        """The blocks of a reply, from all its lines."""
        blocks: list[Any] = []
        for line in self.replies[reply]:
            add_blocks(blocks, _blocks(line.content))
        return blocks


class History:
    """The messages before a line, kept so that those of the next one are only what is new."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._begin()

    def _begin(self) -> None:
        self._path: list[str] = []
        self._placed: dict[str, int] = {}
        self._messages: list[Obj] = []
        self._replies: set[str] = set()
        self._reply = ""
        """The reply that the last assistant message is."""

    def before(self, line: Line) -> list[Obj]:
        """Return the messages that a request answered by ``line`` carried."""
        new, known = self._new(line.parent)
        if known + 1 != len(self._path):  # another branch: a message edited, a session rewound
            path = [self._conversation.lines[name] for name in self._path[: known + 1]]
            self._begin()
            new = [*path, *new]
        for ancestor in new:
            self._add(ancestor)
        self._complete(line.number)
        return list(self._messages)

    def _new(self, name: str | None) -> tuple[list[Line], int]:
        """The ancestors that are not placed yet, oldest first, and the place of the one that they follow."""
        new: list[Line] = []
        seen: set[str] = set()
        while name and name not in self._placed and name not in seen:
            ancestor = self._conversation.lines.get(name)
            if ancestor is None:
                break
            seen.add(name)
            new.append(ancestor)
            name = ancestor.parent
        return new[::-1], self._placed.get(name or "", -1)

    def _add(self, line: Line) -> None:
        self._placed[line.uuid] = len(self._path)
        self._path.append(line.uuid)
        if line.role == "user":
            self._say("user", _content(line.content))
        elif line.role == "assistant" and line.reply not in self._replies:
            self._complete(line.number)
            self._replies.add(line.reply)
            self._reply = line.reply
            self._messages.append({"role": "assistant", "content": self._conversation.said(line.reply)})

    def _say(self, role: str, content: str | list[Any]) -> None:
        last = self._messages[-1] if self._messages else None
        if last is None or last["role"] != role:
            self._messages.append({"role": role, "content": content})
        else:  # a message that was given out already is never changed
            self._messages[-1] = {"role": role, "content": [*_blocks(last["content"]), *_blocks(content)]}

    def _complete(self, number: int) -> None:
        """Add the results of tools called side by side that are not among the ancestors."""
        at = len(self._messages) - 1
        if at >= 0 and self._messages[at]["role"] == "user":
            at -= 1
        if at < 0 or self._messages[at]["role"] != "assistant":
            return
        calls = [str(block.get("id")) for block in _objects(self._messages[at]["content"], "tool_use")]
        given = set[str]() if at == len(self._messages) - 1 else set(_answered(self._messages[-1]["content"]))
        for call in calls:
            line = self._conversation.results.get(call)
            if call not in given and line is not None and line.number < number and line.uuid not in self._placed:
                given.update(_answered(line.content))
                self._say("user", _content(line.content))


def add_blocks(blocks: list[Any], more: Iterable[Any]) -> None:
    """Add blocks of a line to a reply's; a line may repeat what an earlier one said, or say it further."""
    for block in more:
        if block in blocks:
            continue
        last = obj(blocks[-1]) if blocks else {}
        grown = obj(block)
        kind = grown.get("type")
        name = "thinking" if kind == "thinking" else "text"
        said = last.get(name)
        if kind == last.get("type") and isinstance(said, str) and said and str(grown.get(name)).startswith(said):
            blocks[-1] = block
        else:
            blocks.append(block)


def _content(content: tuple[Any, ...] | str) -> str | list[Any]:
    return content if isinstance(content, str) else list(content)


def _blocks(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(cast("Iterable[Any]", content))


def _objects(content: Any, kind: str) -> list[Mapping[str, Any]]:
    return [block for block in map(obj, items(content)) if block.get("type") == kind]


def _answered(content: Any) -> list[str]:
    return [str(block.get("tool_use_id")) for block in _objects(list(content), "tool_result")]
