"""Tables that can be sorted in the page, and read without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tokeneff.report.html._markup import Child, Markup, tag

Row = TypeVar("Row")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column: what it is called, and what it says of a row."""

    title: str
    value: Callable[[Row], Any]
    """What is sorted by: text, or a number, of which ``None`` is not known."""
    shown: Callable[[Row], Child] | None = None
    """How a row's number is written where it is known; text is written as it is."""
    hint: str | None = None
    code: bool = False
    without: str = "unknown"
    """What is written where a number is ``None``."""
    spare: bool = False
    """Whether it is left out where it is known of no row."""

    @property
    def side(self) -> str | None:
        """The class of its cells."""
        return "n" if self.shown is not None else None


def table(columns: Sequence[Column[Row]], rows: Sequence[Row], caption: str) -> Markup:
    """A table whose first column names its rows."""
    columns = [each for each in columns if not each.spare or any(each.value(row) is not None for row in rows)]
    head = (tag("th", column.title, scope="col", title=column.hint, class_=column.side) for column in columns)
    body = (tag("tr", (_cell(column, row, first=not place) for place, column in enumerate(columns))) for row in rows)
    made = tag("table", tag("thead", tag("tr", head)), tag("tbody", body), class_="sortable")
    return tag("div", made, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _cell(column: Column[Row], row: Row, *, first: bool) -> Markup:
    value = column.value(row)
    if column.shown is not None:
        if value is None:
            return tag("td", tag("span", column.without, class_="unknown"), class_="n")
        return tag("td", column.shown(row), class_="n", data_v=str(value))
    said = tag("bdi", value, class_="id" if column.code else None) if value else tag("span", "–", class_="soft")
    return tag("th", said, scope="row") if first else tag("td", said, class_="text")
