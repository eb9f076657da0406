"""What to do, the dearest first."""

from __future__ import annotations

from tokeneff.report._say import amount, brief, money, several
from tokeneff.report._values import Finding, Report
from tokeneff.report.html._markup import Child, Markup, tag

_KINDS = {"measured": "paid for nothing", "what-if": "would be saved at list prices"}


def findings(report: Report) -> Markup:
    """A list of findings, each of which opens to show its evidence."""
    most = max((finding.saves for finding in report.findings), default=0)
    items = [tag("li", _finding(finding, most, first=not place)) for place, finding in enumerate(report.findings)]
    about = "By what they would have saved in this period. They may overlap, so do not add them up."
    header = tag("header", tag("h2", "What to do"), tag("p", about, class_="soft") if items else None)
    nothing = tag("p", "Nothing found that would save money.", class_="soft")
    return tag("section", header, tag("ol", items, class_="findings") if items else nothing, id="findings")


def _finding(finding: Finding, most: int, *, first: bool) -> Markup:
    summary = tag(
        "summary",
        tag("span", money(finding.saves), _bar(finding.saves, most), class_="worth"),
        tag("span", tag("bdi", brief(_sentence(finding.title), 300)), tag("small", _facts(finding)), class_="what"),
    )
    return tag("details", summary, tag("div", _why(finding), class_="why"), class_="finding", open=first)


def _facts(finding: Finding) -> str:
    counts = f"{several(finding.calls, 'call')}, {amount(finding.tokens)} tokens"
    return f"{_KINDS[finding.evidence]} · {counts}, {money(finding.spent)} spent on them in all"


def _why(finding: Finding) -> Child:
    told: list[tuple[str, Child]] = [
        ("What to do", _sentence(finding.action)),
        ("How it was computed", _sentence(finding.how)),
    ]
    if finding.call_id:
        session = (", session ", tag("bdi", brief(finding.session), class_="id")) if finding.session else ()
        told.append(("An example", ("call ", tag("bdi", brief(finding.call_id), class_="id"), *session)))
    return tag("dl", (tag("div", tag("dt", name), tag("dd", said)) for name, said in told))


def _bar(part: int, whole: int) -> Markup:
    wide = 100 * part / whole if whole > 0 else 0
    rail = tag("rect", width="100%", height=3, class_="rail")
    return tag("svg", rail, tag("rect", width=f"{max(wide, 0):.1f}%", height=3), height=3, aria_hidden="true")


def _sentence(text: str) -> str:
    """Text that begins as sentences do, unless it begins with a name (``claude-…``, ``get_weather``)."""
    word = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if word.isascii() and word.isalpha() and word.islower() else text
