"""A request with texts replaced and messages left out: a new body that shares all else with the caller's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from tokeneff._plain import fields, items
from tokeneff.trim._history import Exchange, History, Path
from tokeneff.trim._reading._taking import KEYS

_Tree = dict[Any, Any]


def replaced(history: History, texts: Mapping[Path, str]) -> dict[str, Any]:
    """The request with other texts at these spots.

    >>> from tokeneff.trim._reading import history_of
    >>> body = {"messages": [{"role": "user", "content": "Hi"}, {"role": "user", "content": "You there?"}]}
    >>> replaced(history_of("chat", body), {("messages", 0, "content"): "Hello"})["messages"]
    [{'role': 'user', 'content': 'Hello'}, {'role': 'user', 'content': 'You there?'}]

    Args:
        texts: by the path of the spot. Nothing else is checked: whether a spot is free is for the caller to mind.

    Raises:
        ValueError: a text is blank, which no provider takes everywhere, or a path leads nowhere.
    """
    tree: _Tree = {}
    for path, text in texts.items():
        if not text or text.isspace():
            raise ValueError(f"the text for {path} is blank")
        node = tree
        for step in path[:-1]:
            node = node.setdefault(step, {})
        node[path[-1]] = text
    return cast("dict[str, Any]", _put({**history.body}, tree))


def dropped(history: History, exchanges: Iterable[Exchange]) -> dict[str, Any]:
    """The request without the messages of these exchanges.

    Args:
        exchanges: of this history; whether they are free is for the caller to mind.
    """
    body = {**history.body}
    gone = {place for start, stop, _ in exchanges for place in range(start, stop)}
    if gone:
        key = KEYS[history.dialect]
        kept = [message for place, message in enumerate(items(body[key])) if place not in gone]
        body[key] = kept if not isinstance(body[key], tuple) else tuple(kept)
    return body


def changed(history: History, texts: Mapping[Path, str], exchanges: Iterable[Exchange]) -> dict[str, Any]:
    """The request with both done; paths and exchanges are those of ``history``."""
    return dropped(history._replace(body=replaced(history, texts)), exchanges)


def _put(value: Any, tree: _Tree) -> Any:
    """A copy of what is on the way, sharing all else."""
    if isinstance(value, (list, tuple)) or fields(value) is None:
        return _put_in_list(value, tree)
    new = {key: _new(_member(value, key), below) for key, below in tree.items()}
    if isinstance(value, Mapping):
        return {**cast("Mapping[str, Any]", value), **new}
    copy = getattr(value, "model_copy", None)
    return copy(update=new) if copy is not None else {**(fields(value) or {}), **new}


def _put_in_list(value: Any, tree: _Tree) -> Any:
    found: Sequence[Any] = items(value)
    if not found:
        raise ValueError("a path leads nowhere")
    copy = list(found)
    for place, below in tree.items():
        copy[place] = _new(copy[place], below)
    return tuple(copy) if isinstance(value, tuple) else copy


def _member(value: Any, key: str) -> Any:
    return cast("Mapping[str, Any]", value).get(key) if isinstance(value, Mapping) else getattr(value, key, None)


def _new(old: Any, below: Any) -> Any:
    if not isinstance(below, str):
        return _put(old, cast("_Tree", below))
    if not isinstance(old, str):
        raise ValueError("a path leads to no text")
    return below
