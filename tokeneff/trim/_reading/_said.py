"""What one message is to trimming, wherever it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from tokeneff._plain import fields, items, string
from tokeneff.trim._history import Path, SpotKind

Who: TypeAlias = Literal["system", "user", "assistant", "results", "kept"]
"""Whose it is; ``kept``: nobody's turn, and never left out."""

MARKS = ("cache_control", "prompt_cache_breakpoint")
EMPTY = "has no content"
"""The fault that Anthropic forgives an assistant's message at the very end."""


class Part(NamedTuple):
    """A text in a message that may be replaced."""

    path: Path
    """From the message."""
    kind: SpotKind
    call: str = ""
    tool: str = ""
    error: bool = False
    fixed: bool = False


class Said(NamedTuple):
    """What one message is."""

    who: Who
    parts: tuple[Part, ...] = ()
    calls: tuple[tuple[str, str], ...] = ()
    """Id and tool of each call that must be answered."""
    answers: tuple[str, ...] = ()
    """Ids of the calls that it answers."""
    offers: tuple[str, ...] = ()
    """Further ids that others may refer to."""
    refers: tuple[str, ...] = ()
    """Further ids that it refers to."""
    thinking: bool = False
    """Whether reasoning is in it."""
    thinks_first: bool = False
    """Whether it begins with reasoning."""
    bound: bool = False
    """Whether it may not be left out, whatever else says so."""
    marks: tuple[str, ...] = ()
    """Lives of the cache breakpoints in it, in order."""
    documents: bool = False
    """Whether citations may count it, or parts of it."""
    cites: bool = False
    fault: str = ""
    """What is wrong with it, wherever it stands."""
    digest: bytes = b""


class Gathering:
    """What is found while a message is read."""

    __slots__ = (
        "answers",
        "bound",
        "calls",
        "cites",
        "documents",
        "fault",
        "marks",
        "offers",
        "parts",
        "refers",
        "thinking",
    )

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.calls: list[tuple[str, str]] = []
        self.answers: list[str] = []
        self.offers: list[str] = []
        self.refers: list[str] = []
        self.marks: list[str] = []
        self.thinking = self.bound = self.documents = self.cites = False
        self.fault = ""

    def wrong(self, fault: str) -> None:
        """The first fault counts."""
        self.fault = self.fault or fault

    def blocks(self, content: object) -> list[tuple[int, Mapping[str, Any]]]:
        """The parts of a message's content; others than objects are wrong there."""
        found = parts_of(content)
        if len(found) != len(items(content)):
            self.wrong("has a part that is no object")
        return found

    def mark(self, block: Mapping[str, Any]) -> bool:
        """Take note of a breakpoint."""
        for name in MARKS:
            value = block.get(name)
            if value is not None:
                self.marks.append(string((fields(value) or {}).get("ttl")) or "5m")
                return True
        return False

    def said(self, who: Who, thinks_first: bool = False) -> Said:
        """The message."""
        return Said(
            who,
            tuple(self.parts),
            tuple(self.calls),
            tuple(self.answers),
            tuple(self.offers),
            tuple(self.refers),
            self.thinking,
            thinks_first,
            self.bound,
            tuple(self.marks),
            self.documents,
            self.cites,
            self.fault,
        )


def walk(value: Any, path: Path) -> Any:
    """What is at the end of a path, in mappings, sequences and SDK models; ``None`` where it leads nowhere."""
    for step in path:
        if type(value) is dict:
            value = cast("dict[Any, Any]", value).get(step)
        elif isinstance(step, int):
            found = items(value)
            if step >= len(found):
                return None
            value = found[step]
        elif isinstance(value, Mapping):
            value = cast("Mapping[str, Any]", value).get(step)
        else:
            value = getattr(value, step, None)
    return value


def parts_of(content: object) -> list[tuple[int, Mapping[str, Any]]]:
    """The parts of a list of content, each with its place."""
    found = [(place, fields(part)) for place, part in enumerate(items(content))]
    return [(place, part) for place, part in found if part is not None]


def named(value: Mapping[str, Any], key: str) -> str:
    """A text field, empty where there is none."""
    return string(value.get(key)) or ""


def blank(text: str) -> bool:
    """Whether nothing is to be seen in a text."""
    return not text or text.isspace()


def is_text(value: object) -> bool:
    """Whether there is a text to replace."""
    return isinstance(value, str) and bool(value)


def listed(value: object) -> Sequence[Any] | None:
    """A list or tuple as it is; ``None`` for anything else, an iterator least of all."""
    return cast("Sequence[Any]", value) if isinstance(value, (list, tuple)) else None
