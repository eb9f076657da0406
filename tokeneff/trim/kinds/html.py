"""The text of a web page, with its links."""

from __future__ import annotations

import re
from collections.abc import Collection
from html.parser import HTMLParser

from tokeneff.trim.kinds._kind import Context, Edit, Kind, kept

_PAGE = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b", re.I | re.S)
_SILENT = {"script", "style", "noscript", "template", "svg", "head", "iframe", "canvas"}
_BLOCKS = {
    *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset", "figure", "footer"),
    *("form", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul", "option"),
    *("h1", "h2", "h3", "h4", "h5", "h6"),
}
_MOST = 2_000_000


class _Reader(HTMLParser):
    def __init__(self, heard: Collection[tuple[int, int]] = ()) -> None:
        """``heard``: places of silent elements that are read all the same."""
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._heard = heard
        self._silent: list[tuple[str, tuple[int, int]]] = []
        self._as_is = 0
        self._links: list[str] = []

    @property
    def unclosed(self) -> set[tuple[int, int]]:
        return {place for tag, place in self._silent if tag not in ("script", "style")}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body" and self._silent and self._silent[0][0] == "head":
            self._silent.clear()
        if tag in _SILENT and (place := self.getpos()) not in self._heard:
            self._silent.append((tag, place))
        if self._silent:
            return
        given = dict(attrs)
        if tag in _BLOCKS:
            self.parts.append("\n")
        if tag[0] == "h" and tag[1:].isdigit():
            self.parts.append("#" * int(tag[1:]) + " ")
        elif tag == "li":
            self.parts.append("- ")
        elif tag in ("td", "th"):
            self.parts.append(" | ")
        elif tag == "pre":
            self._as_is += 1
        elif tag == "a":
            self._links.append(given.get("href") or "")
        elif tag == "img" and given.get("alt"):
            self.parts.append(f"[{given['alt']}]")

    def handle_endtag(self, tag: str) -> None:
        if any(tag == silent for silent, _ in self._silent):
            while self._silent.pop()[0] != tag:
                pass
            return
        if self._silent:
            return
        if tag == "a" and self._links:
            link = self._links.pop()
            if link and not link.startswith(("#", "javascript:", "data:")):
                self.parts.append(f" ({link})")
        if tag == "pre":
            self._as_is = max(self._as_is - 1, 0)
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data if self._as_is else re.sub(r"\s+", " ", data))


def _read(text: str, heard: Collection[tuple[int, int]] = ()) -> tuple[list[str], set[tuple[int, int]]]:
    """What is read of a page, and where silent elements begin that nothing ends: they would silence the rest. (A script
    or style does so in browsers too.)"""
    reader = _Reader(heard)
    reader.feed(text)
    reader.close()
    return reader.parts, reader.unclosed


def _edit(text: str, context: Context) -> Edit | None:
    if context.verbatim or len(text) > _MOST or not _PAGE.match(text):
        return None
    parts, unclosed = _read(text)
    if unclosed:
        parts, _ = _read(text, unclosed)
    lines = [line.rstrip() for line in "".join(parts).split("\n")]
    short = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return Edit(short) if short.strip() and len(short) < len(text) else None


KIND = Kind(
    "html",
    lossless=False,
    why="Of a page stay its text, its links and the structure that Markdown has; markup, scripts and styles go.",
    edit=_edit,
    undo=kept,
)
