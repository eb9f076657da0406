"""Lists of JSON objects that all have the same keys: the keys once, as columns, and then the rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard, cast

from tokeneff.trim.kinds._kind import Back, Context, Edit, Kind

_LEAST = 90
"""Characters that one table has to save."""
_CHARACTERS = 5
"""Of keys and what is around them, that are one token, at most."""
_DEEPEST = 20


def _edit(text: str, context: Context) -> Edit | None:
    if not text or text[0] not in "{[" or text[-1] not in "}]" or text.count('{"') < 3 or context.verbatim:
        return None
    try:
        value = json.loads(text)
        escaped = next((way for way in (False, True) if _written(value, way) == text), None)
        if escaped is None:
            return None
        made = _tabled(value, 0)
        if made is value:
            return None
        short = _written(made, escaped)
        if len(text) - len(short) < _LEAST or _untabled(made) != value:  # it is made of the very same values
            return None
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):  # also: what only looks like a table
        return None
    return Edit(short, (escaped,), sure=(len(text) - len(short)) // _CHARACTERS)


def _written(value: Any, escaped: bool) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=escaped)


def _tabled(value: Any, depth: int) -> Any:
    """The value with its tables as such; the very same where there is none."""
    if depth > _DEEPEST or not value:
        return value
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        made = {name: _tabled(one, depth + 1) for name, one in fields.items()}
        return made if any(made[name] is not fields[name] for name in made) else fields
    if not isinstance(value, list):
        return value
    items = cast("list[Any]", value)
    if _objects(items):
        table = _table(items, "rows", [items])
        if table is not None:
            return table
    elif all(isinstance(one, list) and _objects(cast("list[Any]", one)) for one in items):
        table = _table([one for group in items for one in group], "groups", items)
        if table is not None:
            return table
    changed = [_tabled(one, depth + 1) for one in items]
    return changed if any(new is not old for new, old in zip(changed, items, strict=True)) else items


def _objects(items: Sequence[Any]) -> TypeGuard[list[dict[str, Any]]]:
    return bool(items) and bool(items[0]) and all(isinstance(one, dict) for one in items)


def _table(objects: list[dict[str, Any]], shape: str, groups: Sequence[Sequence[Any]]) -> dict[str, Any] | None:
    """The table; ``None`` where they are not all alike, or it saves too little."""
    columns = _columns(objects) if len(objects) > 1 else []
    names = [".".join(path) for path in columns]
    # each name, its quotes and colon are said once, and not in each row; a table as such takes as much again
    saved = (sum(map(len, names)) + 3 * len(names)) * (len(objects) - 1) - 30
    if saved < _LEAST or len(set(names)) < len(names):
        return None
    rows = iter([[_at(one, path) for path in columns] for one in objects])
    grouped = [[next(rows) for _ in group] for group in groups]
    return {"columns": names, shape: grouped if shape == "groups" else grouped[0]}


def _columns(objects: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Paths of all cells; none where the objects' keys, or the order of them, are not the same."""
    keys = list(objects[0])
    if any(list(one) != keys for one in objects) or any("." in key for key in keys):
        return []
    found: list[tuple[str, ...]] = []
    for key in keys:
        cells = [one[key] for one in objects]
        inner = _columns(cells) if _objects(cells) else []
        found.extend((key, *path) for path in inner)
        if not inner:
            found.append((key,))
    return found


def _at(one: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = one
    for name in path:
        value = value[name]
    return value


def _untabled(value: Any) -> Any:
    if isinstance(value, list):
        return [_untabled(one) for one in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    names = list(fields)
    if names == ["columns", "rows"]:
        return [_object(fields["columns"], row) for row in fields["rows"]]
    if names == ["columns", "groups"]:
        return [[_object(fields["columns"], row) for row in group] for group in fields["groups"]]
    return {name: _untabled(one) for name, one in fields.items()}


def _object(columns: list[str], row: list[Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, cell in zip(columns, row, strict=True):
        at = made
        *outer, last = name.split(".")
        for step in outer:
            at = at.setdefault(step, {})
        at[last] = cell
    return made


def _undo(text: str, back: Back, earlier: Callable[[int, str], str]) -> str:
    return _written(_untabled(json.loads(text)), back[0])


KIND = Kind(
    "tables",
    lossless=True,
    why="Each value stands in its row under the name that it had, and names and values stay to the letter.",
    edit=_edit,
    undo=_undo,
)
