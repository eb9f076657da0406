"""A request taken apart: its texts that may be replaced, and its messages that stand and fall together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from tokeneff._log import log_once
from tokeneff._plain import string
from tokeneff.trim._history import History, Path, Spot
from tokeneff.trim._reading._beginnings import Read, histories, others
from tokeneff.trim._reading._exchanges import exchanges_of
from tokeneff.trim._reading._memory import head_of, said_of
from tokeneff.trim._reading._said import Said, listed, walk

KEYS = {"chat": "messages", "responses": "input", "messages": "messages"}
"""What the messages of a request are called, by dialect."""


def history_of(dialect: str, body: Mapping[str, Any]) -> History | None:
    """Take a request apart; ``None`` for what is strange, and is to be left alone. Never raises.

    >>> body = {"messages": [{"role": "user", "content": "Hello"}]}
    >>> [(spot.kind, spot.text, spot.fixed) for spot in history_of("chat", body).spots]
    [('user', 'Hello', True)]

    Args:
        dialect: ``chat``, ``responses`` or ``messages``.
        body: the request, as the SDK was given it or as it is sent; it is not changed.
    """
    try:
        return _history(dialect, body)
    except Exception as fault:  # noqa: BLE001 - a body may hold anything
        log_once(("trim.history", type(fault)), "a request could not be taken apart for trimming", exc_info=fault)
        return None


def messages_of(dialect: str, body: Mapping[str, Any]) -> Sequence[Any] | None:
    """The caller's own messages; ``None`` where they are no list."""
    key = KEYS.get(dialect)
    if key is None or not isinstance(body, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        return None
    value = body.get(key)
    if dialect == "responses" and isinstance(value, str):
        return (value,)
    return listed(value)


def saids_of(dialect: str, messages: Sequence[Any]) -> list[Said] | None:
    """What each message is; ``None`` where one is none."""
    before, shared = others.of(dialect, messages)
    found = _saids(dialect, messages, before, shared)
    if found is not None and not shared == len(messages) == len(before.messages):
        others.note(dialect, messages, Read([], found), before, shared)
    return found


def _saids(dialect: str, messages: Sequence[Any], before: Read, shared: int) -> list[Said] | None:
    found = before.saids[:shared]
    for message in messages[shared:]:
        said = said_of(dialect, message)
        if said is None or (isinstance(message, str) and len(messages) > 1):
            return None
        found.append(said)
    return found


def _history(dialect: str, body: Mapping[str, Any]) -> History | None:
    messages = messages_of(dialect, body)
    if not messages:
        return None
    before, shared = histories.of(dialect, messages)
    saids = _saids(dialect, messages, before, shared)
    if saids is None:
        return None
    head = head_of(dialect, body)
    if before.head != head:
        before = before._replace(head=b"", chain=(), spots=(), settled=0)
    arrived = next((place for place in range(len(saids), 0, -1) if saids[place - 1].who == "assistant"), 0)
    start, stop = newest_turn(saids)
    exchanges = exchanges_of(dialect, saids, start)
    still = exchanges[-1].start if exchanges else len(saids)
    cited = max((place for place, said in enumerate(saids) if said.cites), default=-1)
    settled = before.settled if before.settled <= min(shared, start, still) and before.cited == cited else 0
    spots = [spot for spot in before.spots if spot.message < settled] if settled else []
    spots += _spots(dialect, messages, saids, settled, (start, stop, still, cited))
    chain = _chain(head, saids, before.chain[:shared])
    settled = min(start, still, len(saids))
    read = Read([], saids, 0, head, chain, tuple(spots), settled, cited)
    histories.note(dialect, messages, read, before, shared)
    return History(dialect, body, messages, read.spots, exchanges, arrived, chain)


def _spots(
    dialect: str, messages: Sequence[Any], saids: Sequence[Said], first: int, edges: tuple[int, int, int, int]
) -> list[Spot]:
    """The texts of a request, from some message on."""
    start, stop, still, cited = edges
    spots: list[Spot] = []
    names = dict([call for said in saids[:first] for call in said.calls])
    key: Path = (KEYS[dialect],)
    for place in range(first, len(saids)):
        message, said = messages[place], saids[place]
        names.update(said.calls)
        if not said.parts:
            continue
        at: Path = key if isinstance(message, str) else (*key, place)
        newest = start <= place < stop
        loop = said.thinking and place >= start
        for path, kind, call, tool, error, fixed in said.parts:
            if kind == "assistant":
                fixed = fixed or loop or place >= still
            elif kind != "tool_result":
                fixed = fixed or (newest and not call) or (kind == "document" and place < cited)
            text: Any = message if isinstance(message, str) else walk(message, path)
            tool = tool or names.get(call, "")
            spots.append(Spot((*at, *path), place, kind, string(text) or "", tool, call, error, fixed))
    return spots


def newest_turn(saids: Sequence[Said]) -> tuple[int, int]:
    """Where the newest messages of the user begin and stop; behind all where there are none."""
    stop = next((place for place in range(len(saids), 0, -1) if saids[place - 1].who == "user"), 0)
    if not stop:
        return len(saids), len(saids)
    start = stop - 1
    while start and saids[start - 1].who == "user":
        start -= 1
    return start, stop


def _chain(head: bytes, saids: Sequence[Said], known: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Of each message a digest of all up to it."""
    found = list(known)
    last = found[-1] if found else head
    for said in saids[len(found) :]:
        last = blake2b(last + said.digest, digest_size=16).digest()
        found.append(last)
    return tuple(found)
