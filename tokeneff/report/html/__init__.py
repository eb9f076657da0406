"""A report as one page for a browser: no network, no other file, no third-party code."""

from __future__ import annotations

from collections.abc import Iterator

from tokeneff.report._say import money, several
from tokeneff.report._values import Report, as_json
from tokeneff.report.html._document import document
from tokeneff.report.html._findings import findings
from tokeneff.report.html._head import head, title
from tokeneff.report.html._markup import Markup, tag
from tokeneff.report.html._tables import tables

__all__ = ["render"]

LARGEST = 300_000
"""Bytes of a page; of a report that would need more, the tables are cut."""
_ROWS = (60, 25, 10, 4)


def render(report: Report) -> str:
    """A report as one HTML page that works offline: charts, findings with their evidence, tables that sort.

    Example::

        Path("report.html").write_text(tokeneff.report.html.render(report), encoding="utf-8")

    Args:
        report: as :func:`tokeneff.report.report` makes it.

    Returns:
        HTML in UTF-8, under 300 kB. It loads nothing (its own Content-Security-Policy forbids that), and text of the
        report, as names of models or errors, is shown as text whatever is in it. Without JavaScript all but the charts
        is there.
    """
    pages = (_page(report, rows) for rows in _ROWS)
    page = next(pages)
    while len(page.encode()) >= LARGEST and (smaller := next(pages, None)) is not None:
        page = smaller
    return page


def _page(report: Report, rows: int) -> str:
    body = (title(report), tag("main", _told(report, rows)), tag("footer", (tag("p", line) for line in _NOTES)))
    return document(f"tokeneff: {_summary(report)}", body, None if report.series is None else as_json(report.series))


def _told(report: Report, rows: int) -> Iterator[Markup]:
    if not report.total.calls:
        yield tag("p", "No calls in this period.")
        return
    yield head(report)
    yield findings(report)
    if report.series is not None:
        yield _charts()
    yield from tables(report, rows)


def _summary(report: Report) -> str:
    total = report.total
    cost = "unknown cost" if total.unpriced and total.unpriced == total.calls else money(total.cost)
    return f"{cost}, {several(total.calls, 'call')}"


_CHARTS = {"spend": "Spend over time", "tokens": "Tokens by part", "latency": "Latency", "cache": "Prompt cache"}


def _charts() -> Markup:
    made = (
        tag("section", tag("header", tag("h2", name)), tag("figure"), id=f"chart-{key}", aria_label=name)
        for key, name in _CHARTS.items()
    )
    without = tag("p", "The charts need JavaScript; all the rest of this page does not.", class_="soft")
    return tag("section", tag("noscript", without), tag("div", made, class_="charts"), id="charts")


_NOTES = (
    "Times are UTC. Tokens are the provider's own counts, except where marked: ~ in part our estimate, ≥ without calls "
    "of which nobody knows. “unknown” is not zero.",
    "Input includes what was read from or written to the prompt cache; output includes reasoning. Sums of money leave "
    "out calls whose cost is unknown, and say so.",
)
