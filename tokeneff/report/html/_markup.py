"""HTML made of values: whatever is not markup already is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import TypeAlias

from tokeneff._plain import sound

_UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_VOID = frozenset(("meta",))


class Markup(str):
    """Text that is HTML; only `tag`, `text` and constants of this package make it."""

    __slots__ = ()


Child: TypeAlias = "Markup | str | int | Iterable[Child] | None"


def tag(name: str, /, *children: Child, **attributes: str | int | bool | None) -> Markup:
    """An element; ``class_`` is written ``class``, ``data_v`` ``data-v``; attributes that are ``None`` are left out.

    >>> tag("td", "<b>", class_="n")
    '<td class="n">&lt;b&gt;</td>'
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{joined(children)}</{name}>")


def joined(children: Child) -> Markup:
    """Children one after the other."""
    if children is None:
        return Markup()
    if isinstance(children, (str, int)):
        return text(children)
    return Markup("".join(joined(child) for child in children))


def text(value: str | int) -> Markup:
    """Text with nothing in it that a browser would take for markup, or that turns the reading direction of the rest."""
    return value if isinstance(value, Markup) else Markup(escape(visible(str(value))))


def visible(value: str) -> str:
    """The same text, with control characters and halves of characters as U+FFFD."""
    return _UNSAFE.sub("\ufffd", sound(value))
