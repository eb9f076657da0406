"""The text of a web page, with its links."""

from __future__ import annotations

import re
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
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent: list[str] = []
        self._as_is = 0
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent.append(tag)
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
        if tag in self._silent:
            while self._silent and self._silent.pop() != tag:
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


def _edit(text: str, context: Context) -> Edit | None:
    if context.verbatim or len(text) > _MOST or not _PAGE.match(text):
        return None
    reader = _Reader()
    reader.feed(text)
    reader.close()
    lines = [line.rstrip() for line in "".join(reader.parts).split("\n")]
    short = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return Edit(short) if short.strip() and len(short) < len(text) else None


KIND = Kind(
    "html",
    lossless=False,
    why="Of a page stay its text, its links and the structure that Markdown has; markup, scripts and styles go.",
    edit=_edit,
    undo=kept,
)
