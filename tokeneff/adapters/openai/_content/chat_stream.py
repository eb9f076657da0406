"""From the chunks of a streamed chat completion to the choices that a whole one would have had."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any, cast

from tokeneff._plain import fields, items, plain, string
from tokeneff.adapters._parts import Body
from tokeneff.adapters.openai._content.blocks import block_part

_TEXTS = ("content", "refusal", "reasoning_content", "reasoning", "text")


def fold(chunks: list[Body]) -> list[Body]:
    """The choices of all chunks, each as far as it was heard."""
    choices: dict[int, _Choice] = {}
    for chunk in chunks:
        for value in items(chunk.get("choices")):
            piece = fields(value)
            if piece is None:
                continue
            index = piece.get("index")
            key = index if isinstance(index, int) else 0
            choice = choices.get(key)
            if choice is None:
                choice = choices[key] = _Choice()
            choice.hear(piece)
    return [{"index": key, **choices[key].told()} for key in sorted(choices)]


class _Choice:
    """One choice while it is being heard."""

    __slots__ = ("_audio", "_calls", "_content", "_finish", "_old", "_other", "_role", "_slots", "_texts")

    def __init__(self) -> None:
        self._role: object = None
        self._finish: object = None
        self._content: list[str] = []
        self._texts: dict[str, list[str]] = {"content": self._content}
        self._calls: list[_Call] = []
        self._slots: dict[int, _Call] = {}
        self._old: _Call | None = None
        self._audio: dict[str, list[str]] = {}
        self._other: dict[str, list[Any]] = {}

    def hear(self, piece: Body) -> None:
        """A chunk's part of this choice."""
        delta = piece.get("delta")
        if type(delta) is dict and len(cast("Body", delta)) == 1 and piece.get("finish_reason") is None:
            said = cast("Body", delta).get("content")
            if type(said) is str:  # as nearly every chunk is
                self._content.append(said)
                return
        self._finish = piece.get("finish_reason") or self._finish
        delta = fields(piece.get("delta"))
        if delta is None:
            self._say(piece)
            return
        self._role = delta.get("role") or self._role
        self._say(delta)
        for value in items(delta.get("tool_calls")):
            call = fields(value)
            if call is not None:
                self._call(call).hear(call)
        old = fields(delta.get("function_call"))
        if old is not None:
            self._old = self._old or _Call()
            self._old.hear({"function": old})
        for key, said in (fields(delta.get("audio")) or {}).items():
            if isinstance(said, str):
                self._audio.setdefault(key, []).append(said)
        if delta.get("images"):
            self._other.setdefault("images", []).extend(items(delta["images"]))

    def told(self) -> dict[str, Any]:
        """The choice in the form of a whole reply's."""
        said: dict[str, Any] = {key: "".join(pieces) for key, pieces in self._texts.items()}
        found: dict[str, Any] = {"finish_reason": self._finish}
        if "text" in said:
            found["text"] = said.pop("text")
        said.update(self._other)
        said["role"] = self._role
        if self._calls:
            said["tool_calls"] = [call.told() for call in self._calls]
        if self._old is not None:
            said["function_call"] = self._old.told()["function"]
        if self._audio:
            said["audio"] = {key: _sounds(key, pieces) for key, pieces in self._audio.items()}
        return {**found, "message": said}

    def _say(self, delta: Body) -> None:
        for key in _TEXTS:
            said = delta.get(key)
            if isinstance(said, str):
                if said:
                    self._texts.setdefault(key, []).append(said)
            elif isinstance(said, list):  # Mistral's form: blocks of text and of thinking
                for part in map(block_part, items(said)):  # pyright: ignore[reportUnknownArgumentType]
                    key = "reasoning" if part["type"] == "reasoning" else "content"
                    self._texts.setdefault(key, []).append(str(part.get("content", "")))

    def _call(self, piece: Body) -> _Call:
        """The call that a piece belongs to. Some servers leave ``index`` out, or give every call the same."""
        index = piece.get("index")
        slot = index if isinstance(index, int) else len(self._slots) if piece.get("id") else len(self._slots) - 1
        call = self._slots.get(slot)
        if call is None or not call.continues(piece):
            call = self._slots[slot] = _Call()
            self._calls.append(call)
        return call


class _Call:
    """One tool call while it is being heard."""

    __slots__ = ("_arguments", "_id", "_kind", "_name")

    def __init__(self) -> None:
        self._id: str | None = None
        self._kind = "function"
        self._name = ""
        self._arguments: list[str] = []

    def continues(self, piece: Body) -> bool:
        """Whether this piece may be more of this call: another id says that it is none."""
        known = string(piece.get("id"))
        return not known or self._id is None or known == self._id

    def hear(self, piece: Body) -> None:
        self._id = string(piece.get("id")) or self._id
        if fields(piece.get("custom")) is not None:
            self._kind = "custom"
        said = fields(piece.get(self._kind)) or {}
        name = string(said.get("name")) or ""
        if name != self._name:
            self._name += name
        arguments: Any = said.get("arguments" if self._kind == "function" else "input")
        if isinstance(arguments, str):
            self._arguments.append(arguments)
        elif fields(arguments) is not None:  # servers that send an object in one piece
            self._arguments.append(json.dumps(plain(arguments)))

    def told(self) -> dict[str, Any]:
        written = "".join(self._arguments)
        field = "arguments" if self._kind == "function" else "input"
        return {"id": self._id, "type": self._kind, self._kind: {"name": self._name, field: written}}


def _sounds(key: str, pieces: list[str]) -> str:
    """Pieces of base64 as one; each piece may have been padded for itself."""
    if key != "data" or not any(piece.endswith("=") for piece in pieces[:-1]):
        return pieces[0] if key == "id" else "".join(pieces)
    try:
        return b64encode(b"".join(map(b64decode, pieces))).decode()
    except ValueError:
        return "".join(pieces)
