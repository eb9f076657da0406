"""The report as a page: what it holds, that it asks for nothing, and that nothing in a report becomes markup."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files

import made_reports as made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokeneff.report import Report, Row, Table
from tokeneff.report._values import as_json
from tokeneff.report.html import LARGEST, render

LARGE = 200_000


@dataclass
class Page(HTMLParser):
    """A page taken apart."""

    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str | None]] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)

    def __hash__(self) -> int:
        return id(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += ((tag, name, value) for name, value in attrs)
        if tag != "meta":
            self._open.append("data" if ("id", "data") in attrs else tag)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._open[-1] if self._open else "", []).append(data)

    def text(self, tag: str) -> str:
        """All text that stands directly in elements of a kind."""
        return "".join(self.texts.get(tag, ()))

    def said(self) -> str:
        """All that is to be read without the script."""
        return " ".join(
            text for tag, texts in self.texts.items() if tag not in ("script", "style", "data") for text in texts
        )

    def values(self, name: str) -> list[str | None]:
        """Values of an attribute, in the page's order."""
        return [value for _, each, value in self.attributes if each == name]


def taken_apart(page: str) -> Page:
    parser = Page()
    parser.feed(page)
    parser.close()
    return parser


@pytest.fixture(scope="module")
def report() -> Report:
    return made.report(made.records(1200))


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return taken_apart(render(report))


def test_the_page_of_an_ordinary_report_is_small(report: Report) -> None:
    assert len(render(report).encode()) < 150_000


@pytest.mark.parametrize(
    "rows",
    [
        [],
        made.records(1),
        made.records(400, days=1),
        made.records(2000, days=400),
        made.records(2000, days=60, models=[f"vendor/a-model-{number}-{'x' * 90}" for number in range(200)]),
    ],
    ids=["none", "one call", "one day", "400 days", "200 models"],
)
def test_any_report_fits(rows: list[made.CallRecord]) -> None:
    assert len(render(made.report(rows)).encode()) < LARGE


def test_a_page_that_would_be_too_large_has_shorter_tables(report: Report) -> None:
    rows = tuple(Row(f"{'user-' * 200}{number}", report.total) for number in range(400))
    many = report._replace(tables=tuple(Table(f"tag {number}", rows) for number in range(12)))
    page = render(many)
    assert len(page.encode()) < LARGEST
    told = re.findall(r"By (tag \d+)<.*?(\d+) more are not shown; together ([\d,]+) calls", page, re.DOTALL)
    assert [name for name, _, _ in told] == [table.by for table in many.tables]
    assert {int(calls.replace(",", "")) for _, _, calls in told} == {int(told[0][1]) * report.total.calls}


def test_the_page_asks_for_nothing_from_anywhere(page: Page, report: Report) -> None:
    assert not {name for _, name, _ in page.attributes} & {"src", "href", "srcset", "action", "background", "style"}
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert not set(page.tags) & {"link", "img", "iframe", "object", "embed", "base", "form", "audio", "video"}
    assert set(re.findall(r"\w+://[^\s\"'<]*", render(report))) == {
        "http://www.w3.org/2000/svg",
        "sqlite:///tokeneff.db",
    }
    assert not re.findall(r"url\(|@import|fetch|XMLHttpRequest|WebSocket|innerHTML|eval\(|import\(", render(report))


def test_only_the_pages_own_script_and_style_may_run(page: Page) -> None:
    def digest(text: str) -> str:
        return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

    style, script = digest(page.text("style")), digest(page.text("script"))
    expected = f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"
    assert ("meta", "content", expected) in page.attributes
    assert page.tags.count("script") == 2  # the data, and the script


def test_the_data_of_the_charts_are_the_reports(page: Page, report: Report) -> None:
    assert json.loads(page.text("data")) == json.loads(json.dumps(as_json(report.series)))


def test_every_number_of_the_tables_is_the_reports(page: Page, report: Report) -> None:
    written = set(page.values("data-v"))
    for table in report.tables:
        for row in table.rows:
            sums = row.sums
            known = {sums.calls, sums.failed, *([] if sums.unpriced == sums.calls else [sums.cost])}
            assert {str(value) for value in (*known, sums.input_tokens, sums.output_tokens)} <= written
            assert row.value in page.said()
    numbers = [part.tokens for part in report.parts]
    numbers += [value for session in report.sessions for value in (session.wasted, session.sums.cost, session.first)]
    numbers += [value for found in report.breaks for value in (found.calls, found.tokens, found.cost)]
    numbers += [value for call in report.slowest for value in (call.duration, call.first_chunk, call.cost)]
    numbers += [value for error in report.errors for value in (error.calls, error.status, error.retries)]
    numbers += [value for each in report.decisions for value in (each.calls, each.saved, each.unknown)]
    numbers += [value for each in report.unpriced for value in (each.calls, each.input_tokens)]
    assert {str(number) for number in numbers if number is not None} <= written


def test_findings_come_in_the_reports_order_with_evidence_and_how(page: Page, report: Report) -> None:
    said = page.said()
    assert [said.index(finding.title) for finding in report.findings] == sorted(
        said.index(finding.title) for finding in report.findings
    )
    for finding in report.findings:
        assert {finding.how, finding.action} <= {*page.texts["dd"]}
        assert {finding.call_id, finding.session} <= {*page.texts["bdi"]}
        assert f"{finding.calls:,} calls" in page.text("small")
    assert page.tags.count("summary") == len(report.findings)


def test_the_totals_say_where_they_come_from(page: Page, report: Report) -> None:
    total, series = report.total, report.series
    assert series is not None
    bars = page.text("li")
    for number in (total.provider, total.estimated, total.unknown, *(calls for calls, _ in series.confidence.values())):
        assert f" {number:,}" in bars
    assert f"and {total.unpriced} calls whose cost is unknown" in page.said()
    assert f"${total.cost / 1e9:,.2f}" in page.text("b")


def test_what_is_not_known_is_never_shown_as_nothing() -> None:
    rows = [
        row._replace(
            cost=None, input_tokens=None, output_tokens=None, cache_read=None, usage_source="unknown", prefix_cost=None
        )
        for row in made.records(50)
    ]
    report = made.report(rows)
    page = taken_apart(render(report._replace(findings=(), decisions=(), parts=(), breaks=())))
    assert "$" not in page.said()
    assert page.text("b").startswith("unknown")
    assert page.text("title") == "tokeneff: unknown cost, 50 calls"


def test_without_calls_the_page_says_so() -> None:
    page = taken_apart(render(made.report([])))
    assert "No calls in this period." in page.said()
    assert page.text("data") == "null"
    assert "figure" not in page.tags


def test_without_a_series_all_but_the_charts_is_there(report: Report) -> None:
    with_charts, without = taken_apart(render(report)), taken_apart(render(report._replace(series=None)))
    assert "figure" not in without.tags
    assert without.values("data-v") == with_charts.values("data-v")
    assert "charts need JavaScript" in with_charts.said()
    assert "charts need JavaScript" not in without.said()


HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x=\'',
    "<!--",
    "]]><![CDATA[",
    "&lt;b&gt; &amp;",
    "\u202egnp.exe\u2066",
    "\ud800 lone \udfff",
    "\x00\x07\x1b[31m",
    "\u2028\u2029",
    "{{constructor.constructor('alert(1)')()}}",
    "=HYPERLINK('x')",
    "__proto__",
)


def hostile(text: str) -> Report:
    """A report with this text wherever a caller's or a provider's text may stand."""
    rows = made.records(60)
    rows = [*rows[:30], *(row._replace(ending="failed", error="An error", cost=None) for row in rows[30:])]
    report = made.report(rows)
    assert report.series is not None
    return report._replace(
        source=text,
        tables=tuple(Table(text, tuple(row._replace(value=text) for row in table.rows)) for table in report.tables),
        parts=tuple(part._replace(name=text) for part in report.parts),
        sessions=tuple(each._replace(session=text, model=text) for each in report.sessions),
        breaks=tuple(found._replace(cause=text, part=text, detail=text, example=text) for found in report.breaks),
        slowest=tuple(
            call._replace(call_id=text, provider=text, model=text, session=text, ending=text) for call in report.slowest
        ),
        errors=tuple(error._replace(error=text, example=text) for error in report.errors),
        decisions=tuple(each._replace(policy=text, decision=text) for each in report.decisions),
        unpriced=tuple(each._replace(provider=text, model=text) for each in report.unpriced),
        findings=tuple(
            finding._replace(title=text, how=text, action=text, call_id=text, session=text)
            for finding in report.findings
        ),
        series=report.series._replace(models=tuple(model._replace(name=text) for model in report.series.models)),
    )


ORDINARY = "a_name"
STRUCTURE = taken_apart(render(hostile(ORDINARY))).tags


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_a_report_never_becomes_markup(text: str) -> None:
    page = taken_apart(render(hostile(text)))
    assert page.tags == STRUCTURE
    assert [name for _, name, _ in page.attributes] == [
        name for _, name, _ in taken_apart(render(hostile(ORDINARY))).attributes
    ]
    assert json.loads(page.text("data"))["models"][0]["name"].isprintable()


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters() | st.sampled_from("<>&\"'/!-\\`${}\ud800\u202e\x00"), min_size=1, max_size=30))
def test_no_text_at_all_becomes_markup(text: str) -> None:
    page = render(hostile(text.replace("_", "") + "x"))
    assert taken_apart(page).tags == STRUCTURE
    page.encode()


def test_text_is_read_as_it_is() -> None:
    said = taken_apart(render(hostile("<b>&amp;"))).texts
    assert "<b>&amp;" in said["bdi"]
    assert "<b>&amp;" in said["dd"]


def test_what_the_page_is_made_of_is_part_of_the_package() -> None:
    folder = files("tokeneff.report.html").joinpath("page")
    assert sorted(item.name for item in folder.iterdir()) == [
        *("axis.js", "base.js", "chart.js", "main.js", "page.css", "table.js")
    ]
    assert "</" not in folder.joinpath("page.css").read_text(encoding="utf-8")
