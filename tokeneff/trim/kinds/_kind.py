"""What a kind of compaction is: a pure function from a text to a shorter one, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from tokeneff.trim.kinds._earlier import Earlier

Back: TypeAlias = tuple[Any, ...]
"""How the text before an edit is got from the one after it: plain JSON data, its meaning the kind's own. Empty where it
is got from the vault."""


class Edit(NamedTuple):
    """One compaction of one text."""

    text: str
    """What stands instead."""
    back: Back = ()
    leans: tuple[int, ...] = ()
    """Messages that it refers to: as long as it stands, they have to."""
    sure: int = 0
    """Tokens that it surely saves, where that needs no counting."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of a text besides itself.

    Args:
        count: tokens of a text.
        tool: name of the tool whose result it is. arguments: of the call, as JSON text.
        query: the newest user turn.
        earlier: what stands in the same request before it; ``None`` where nobody looks there.
    """

    count: Callable[[str], int] = len
    tool: str = ""
    arguments: str = ""
    query: str = ""
    earlier: Earlier | None = None
    verbatim: bool = False
    """Whether it shows a file whose very characters, blanks among them, the model may have to repeat, as in an edit by
    search and replace."""


class Kind(NamedTuple):
    """A kind of compaction.

    Args:
        name: as settings and reports call it.
        why: lossless ones: why nothing that a model could use is lost; lossy ones: what is.
        edit: the compaction; ``None`` where there is nothing to do. It decides by the text and its context alone.
        undo: the text before, from the one after and ``back``. The third argument gives renditions of what stood
            earlier by their source, (message, place).
    """

    name: str
    lossless: bool
    why: str
    edit: Callable[[str, Context], Edit | None]
    undo: Callable[[str, Back, Callable[[int, str], str]], str]


def kept(text: str, back: Back, earlier: Callable[[int, str], str]) -> str:
    """The way back of kinds whose originals are in the vault."""
    raise LookupError("the original of this text is in the vault")


def nothing(message: int, place: str) -> str:
    """Where there is nothing earlier."""
    raise LookupError(f"no text at {place} of message {message}")
