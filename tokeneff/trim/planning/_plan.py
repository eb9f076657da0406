"""What of a history could be left out: results of tools that are some turns old, and what has to stay of each.

Of a result that is left out there stays what the model may want to name again and could not find anywhere else: words
with a digit (ids, dates, amounts, versions, numbers of lines), in their order. In recorded sessions these are 3 to 8 %
of what results say; what else was in them the model gets by calling the tool again, as it does.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from hashlib import blake2b
from threading import Lock
from typing import Any, NamedTuple, cast

from tokeneff._forking import watch
from tokeneff._plain import fields, items, string
from tokeneff.trim._history import History, Path, Spot
from tokeneff.trim.recall._recalling import hint

KEEP = 3
"""Turns of the model whose results stay: the newest, which it has not seen yet, and two more."""
LEAST = 600
"""Characters of a result that is worth the words that replace it."""
_SHARE = 2
"""What stays is at most one character of so many."""
_WORD = re.compile(r"(?<![A-Za-z0-9_\-./])[A-Za-z_\-./]*+[0-9][A-Za-z0-9_\-./]*+")
_SHORTEST, _LONGEST = 3, 64
# As mini-swe-agent, ReAct prompts and SWE-agent, Hermes templates and Cline have it.
_OBSERVED = re.compile(
    r"\s*(?:<(?:returncode|output|observation|stdout|tool_response|tool_result|function_results?|execution_result)>"
    r"|OBSERVATION:|Observation:|\[\w+(?: for '[^'\n]*')?\] Result:)"
)
_MOST_SIZE = 4_000_000
"""Characters of words that are remembered."""


class Clearing(NamedTuple):
    """A result that could be left out."""

    path: Path
    message: int
    text: str
    """What would stand there."""
    saved: int
    """Characters."""


def clearings(
    history: History,
    texts: Mapping[Path, str],
    *,
    keep: int = KEEP,
    tools: Collection[str] = (),
    held: Collection[int] = (),
    least: int = LEAST,
    rough: bool = False,
    name_of: Callable[[str], str] | None = None,
) -> tuple[Clearing, ...]:
    """Results that could be left out, oldest first; any number of the newest of these can be taken together.

    Args:
        history: the request as the caller has it.
        texts: what is sent instead of some of its texts. Those that were cleared have :func:`is_cleared` texts.
        keep: turns of the model whose results stay. tools: names of those whose results always stay.
        held: messages that stay, as others refer to them.
        least: characters of a result below which it stays.
        rough: leave the words out, too: what could be saved at most, told much faster.
        name_of: gives the name by which a model that can recall fetches a text; it is told of none where there is none.
    """
    if len(history.exchanges) <= keep:
        return ()
    behind = history.exchanges[-keep].start if keep else len(history.messages)
    free = [
        spot
        for spot in history.spots
        if spot.message < behind
        and not spot.fixed
        and (spot.kind == "tool_result" or (spot.kind == "user" and observed(history, spot)))
        and spot.tool not in tools
        and spot.message not in held
        and len(texts.get(spot.path, spot.text)) >= least
        and not is_cleared(texts.get(spot.path, ""))
    ]
    if not free:
        return ()
    elsewhere = set[str]() if rough else _elsewhere(history, texts, {spot.path for spot in free})
    found: list[Clearing] = []
    for spot in reversed(free):
        text = texts.get(spot.path, spot.text)
        own = [] if rough else [word for word in words(text) if word not in elsewhere]
        instead = placeholder(spot, own, None if rough else name_of)
        if len(instead) * _SHARE <= len(text):
            elsewhere.update(own)
            found.append(Clearing(spot.path, spot.message, instead, len(text) - len(instead)))
    return tuple(reversed(found))


def observed(history: History, spot: Spot) -> bool:
    """Whether a user's message is evidently what a tool gave: an agent without calls of tools runs what stands in the
    model's turn and sends what came out of it as a user's, in a form of its own."""
    if not _OBSERVED.match(spot.text) or not spot.message:
        return False
    return string((fields(history.messages[spot.message - 1]) or {}).get("role")) == "assistant"


_OPENING = "[Left out of this "


def placeholder(spot: Spot, words: Collection[str] = (), name_of: Callable[[str], str] | None = None) -> str:
    """What stands instead of a result, or a document: what was there, and how large it was.

    >>> spot = Spot(("messages", 2, "content"), 2, "tool_result", "a\\nb 12x\\n", tool="read")
    >>> placeholder(spot, ["12x"])
    '[Left out of this result of read: 3 lines, 8 characters. Words in it: 12x]'
    """
    what = "document" if spot.kind == "document" else f"result of {spot.tool}" if spot.tool else "result"
    told = f"{_OPENING}{what}: {spot.text.count(chr(10)) + 1} lines, {len(spot.text)} characters"
    if words:
        told += f". Words in it: {' '.join(words)}"
    return f"{told}]" if name_of is None else f"{told}. {hint(name_of(spot.text))}]"


def is_cleared(text: str) -> bool:
    """Whether a text stands instead of a result that was left out."""
    return text.startswith(_OPENING) and text.endswith("]")


def words_of(text: str) -> tuple[str, ...]:
    """Words with a digit, each once, in their order: what a model may name again.

    >>> words_of("HAT069 leaves at 06:00, HAT069 is full: 12")
    ('HAT069',)
    """
    words = (word.strip("-./") for word in _WORD.findall(text))
    return tuple(dict.fromkeys(word for word in words if _SHORTEST <= len(word) <= _LONGEST))


class _Words:
    """Words of texts by the texts' digests: the texts themselves are not kept."""

    def __init__(self) -> None:
        self.guard = Lock()
        self._known: OrderedDict[bytes, tuple[str, ...]] = OrderedDict()
        self._size = 0
        watch(self)

    def of(self, text: str) -> tuple[str, ...]:
        """The words of a text."""
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        with self.guard:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
                return found
        found = words_of(text)
        with self.guard:
            if key not in self._known:
                self._known[key] = found
                self._size += _weight(found)
            while self._size > _MOST_SIZE and len(self._known) > 1:
                _, gone = self._known.popitem(last=False)
                self._size -= _weight(gone)
        return found

    def prepare(self) -> None:
        """Before a fork: what is known is as good in two processes."""

    def abandon(self) -> None:
        """In a forked child."""
        self.guard = Lock()


def _weight(words: tuple[str, ...]) -> int:
    return 100 + sum(map(len, words))


_words = _Words()


def words(text: str) -> tuple[str, ...]:
    """:func:`words_of` a text, remembered."""
    return _words.of(text)


def _elsewhere(history: History, texts: Mapping[Path, str], gone: Collection[Path]) -> set[str]:
    """Words of all that stays."""
    spots: dict[int, list[Spot]] = {}
    for spot in history.spots:
        spots.setdefault(spot.message, []).append(spot)
    found: set[str] = set()
    for name in ("system", "instructions"):
        for text in strings(history.body.get(name)):
            found.update(words(text))
    for place, message in enumerate(history.messages):
        own = spots.get(place, ())
        replaced = {spot.text for spot in own}
        for text in strings(message):
            if text not in replaced:
                found.update(words(text))
        for spot in own:
            if spot.path not in gone:
                found.update(words(texts.get(spot.path, spot.text)))
    return found


def strings(value: Any) -> Iterator[str]:
    """All texts in a value, however deep."""
    stack = [value]
    while stack:
        part: Any = stack.pop()
        if isinstance(part, str):
            yield part
            continue
        inner = fields(part)
        stack.extend(inner.values() if inner is not None else cast("list[Any]", items(part)))
