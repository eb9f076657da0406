"""The report's page in a real browser: that it draws, obeys and complains of nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import made_reports as made
import pytest
from chromium import Browser, browser
from test_report_html import HOSTILE, hostile

from tokeneff.report import Report
from tokeneff.report.html import render
from tokeneff.report.html._say import amount, duration, money, share


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    return browser(tmp_path_factory.mktemp("chromium"))


@pytest.fixture(scope="module")
def report() -> Report:
    return made.report(made.records(1200))


LOOK = """
    const root = page.document.documentElement, box = (each) => each.getBoundingClientRect();
    const brightness = (color) => color.match(/\\d+/g).slice(0, 3).reduce((sum, value) => sum + Number(value), 0);
    return {
      charts: root.dataset.charts,
      drawn: find("figure svg").map((each) => each.querySelectorAll(".bar, .line").length > 0 && box(each).width > 200),
      overflow: root.scrollWidth - root.clientWidth,
      dark: brightness(page.getComputedStyle(root).backgroundColor) < brightness(page.getComputedStyle(root).color),
      strange: find("main *").filter((each) => /NaN|undefined|null|Infinity|Invalid/.test(
        [...each.attributes].map((one) => one.value).join(" ") + [...each.childNodes].map((one) => one.data ?? "").join(" "))
      ).map((each) => each.outerHTML.slice(0, 300)),
    };
"""
REPORTS = {
    "ordinary": lambda: made.report(made.records(800)),
    "one call": lambda: made.report(made.records(1)),
    "one day": lambda: made.report(made.records(300, days=1)),
    "400 days": lambda: made.report(made.records(1500, days=400)),
    "40 years": lambda: made.report(made.records(300, days=15_000)),
    "200 models": lambda: made.report(made.records(1500, models=[f"vendor/model-{each}" for each in range(200)])),
    "failures": lambda: made.report(
        [
            row._replace(
                cost=None, input_tokens=None, output_tokens=None, duration=None, first_chunk=None, ending="failed"
            )
            for row in made.records(20)
        ]
    ),
}


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_charts_are_drawn_and_nothing_sticks_out(chromium: Browser, report: Report, dark: bool, width: int) -> None:
    look = chromium.probe(render(report), LOOK, dark=dark, width=width)
    assert look == {"charts": "4", "drawn": [True] * 4, "overflow": 0, "dark": dark, "strange": []}


@pytest.mark.parametrize("name", REPORTS)
def test_any_report_is_drawn(chromium: Browser, name: str) -> None:
    look = chromium.probe(render(REPORTS[name]()), LOOK, width=360)
    assert look == {"charts": "4", "drawn": [True] * 4, "overflow": 0, "dark": False, "strange": []}


@pytest.mark.parametrize("empty", [True, False], ids=["no calls", "no series"])
def test_a_report_without_charts_has_none(chromium: Browser, report: Report, empty: bool) -> None:
    page = render(made.report([]) if empty else report._replace(series=None))
    look = chromium.probe(page, LOOK)
    assert look == {"charts": "0", "drawn": [], "overflow": 0, "dark": False, "strange": []}


def test_a_legend_switches_series_off_and_on(chromium: Browser, report: Report) -> None:
    steps = """
        const state = () => ({
          bars: find("#chart-spend .bar").map((bar) => bar.getAttribute("class")),
          pressed: find("#chart-spend .legend button").map((button) => button.getAttribute("aria-pressed") === "true"),
          top: find("#chart-spend svg text")[find("#chart-spend .grid").length].textContent,
        });
        const entry = (index) => find("#chart-spend .legend button")[index];
        const states = [state()];
        entry(0).click(); states.push(state());
        entry(0).click(); states.push(state());
        entry(2).dispatchEvent(new page.MouseEvent("click", { shiftKey: true, bubbles: true })); states.push(state());
        entry(2).dispatchEvent(new page.MouseEvent("click", { shiftKey: true, bubbles: true })); states.push(state());
        return states;
    """
    first, without, again, alone, all_again = chromium.probe(render(report), steps)
    tones = [f"bar {tone}" for tone in ("c0", "c1", "c2", "c3", "c4", "c5", "c6", "rest")]
    assert (first["bars"], first["pressed"]) == (tones, [True] * 8)
    assert (without["bars"], without["pressed"]) == (tones[1:], [False] + [True] * 7)
    assert without["top"] != first["top"]  # what is left fills the chart
    assert alone["bars"] == ["bar c2"]
    assert first == again == all_again


def test_numbers_behind_the_charts_are_the_reports(chromium: Browser, report: Report) -> None:
    steps = """
        const told = {};
        for (const [chart, mode] of [["spend", 0], ["spend", 2], ["tokens", 0], ["tokens", 1], ["latency", 0], ["latency", 2]]) {
          const section = page.document.getElementById(`chart-${chart}`), details = section.querySelector("details");
          section.querySelectorAll(".switch button")[mode].click();
          details.open = true;
          await settled();
          const cells = (row) => [...row.cells].map((cell) => cell.textContent);
          told[`${chart} ${mode}`] = [...details.querySelectorAll("tr")].map(cells);
        }
        return told;
    """
    told: dict[str, list[list[str]]] = chromium.probe(render(report), steps)
    series = report.series
    assert series is not None

    def written(columns: Any, form: Any) -> list[list[str]]:
        rows = zip(*columns, strict=True)
        return [["–" if each is None else form(each) for each in row] for row in rows if any(row)]

    def shown(key: str) -> list[list[str]]:
        return [row[1:] for row in told[key][1:]]

    assert told["spend 0"][0][1:] == [model.name for model in series.models]
    assert shown("spend 0") == written([model.cost for model in series.models], money)
    assert shown("spend 2") == written([model.calls for model in series.models], "{:,}".format)
    assert shown("tokens 0") == written(series.input.values(), amount)
    assert shown("tokens 1") == written(series.output.values(), amount)
    assert shown("latency 0") == written(series.duration.values(), duration)
    spread = [[f"{duration(low)} – {duration(high)}", f"{calls:,}"] for low, high, calls in series.durations if calls]
    assert told["latency 2"][1:] == spread


def test_a_pointer_and_the_arrow_keys_read_values(chromium: Browser, report: Report) -> None:
    steps = """
        const picture = () => find("#chart-spend svg")[0], tip = find("#chart-spend .tip")[0], told = [];
        const tell = () => told.push(tip.hidden ? null : tip.querySelector("strong").textContent);
        const press = (key) => picture().dispatchEvent(new page.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home", "Escape"]) { press(key); tell(); }
        const box = picture().getBoundingClientRect();
        picture().dispatchEvent(new page.PointerEvent("pointermove", { clientX: box.right - 8, clientY: box.top + 50, bubbles: true }));
        tell();
        const rows = [...tip.querySelectorAll("tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
        const inside = tip.getBoundingClientRect().right <= box.right + 1 && tip.getBoundingClientRect().left >= box.left - 1;
        picture().dispatchEvent(new page.PointerEvent("pointerleave", { pointerType: "mouse" }));
        tell();
        return { told, rows, inside, focusable: picture().tabIndex };
    """
    seen = chromium.probe(render(report), steps, width=360)
    series = report.series
    assert series is not None
    first, second, *_, last, gone = seen["told"]
    assert seen["told"] == [first, second, first, last, last, first, None, last, None]
    assert gone is None
    assert first.startswith("5 Nov 2025, 00:00–")
    values = [(model.name, model.cost[-1]) for model in series.models if model.cost[-1] != 0]
    rows = [[name, "unknown" if cost is None else money(cost)] for name, cost in reversed(values)]
    together = [["together", money(sum(cost or 0 for _, cost in values))]] if len(values) > 1 else []
    assert seen["rows"] == rows + together
    assert seen["inside"]
    assert seen["focusable"] == 0


def test_tables_sort_by_value_and_back(chromium: Browser, report: Report) -> None:
    steps = """
        const table = find("table.sortable")[0], heads = [...table.tHead.rows[0].cells];
        const names = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent);
        const click = (title) => {
          const head = heads.find((each) => each.textContent === title);
          head.querySelector("button").click();
          return [names(), heads.map((each) => each.getAttribute("aria-sort"))];
        };
        return [click("cost"), click("cost"), click("calls"), click("model"), click("model")];
    """
    down, up, calls, names, back = chromium.probe(render(report), steps)
    rows = report.tables[0].rows
    known = sorted((row for row in rows if row.sums.unpriced < row.sums.calls), key=lambda row: -row.sums.cost)
    unknown = {row.value for row in rows} - {row.value for row in known}
    assert unknown
    for (order, _), expected in ((down, known), (up, known[::-1])):
        assert order[: len(known)] == [row.value for row in expected]
        assert set(order[len(known) :]) == unknown
    assert [sort for sort in down[1] + up[1] + calls[1] if sort] == ["descending", "ascending", "descending"]
    by_name = {row.value: row.sums.calls for row in rows}
    assert [by_name[name] for name in calls[0]] == sorted(by_name.values(), reverse=True)
    assert names[0] == sorted(by_name, key=str.lower) == back[0][::-1]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_button_turns_light_into_dark(chromium: Browser, report: Report, dark: bool) -> None:
    steps = """
        const button = find("#theme")[0], ground = () => page.getComputedStyle(page.document.documentElement).backgroundColor;
        const told = [[button.hidden, button.textContent, ground()]];
        for (let turn = 0; turn < 2; turn++) { button.click(); told.push([button.hidden, button.textContent, ground()]); }
        return told;
    """
    names = ["Light", "Dark"] if dark else ["Dark", "Light"]
    first, other, again = chromium.probe(render(report), steps, dark=dark)
    assert first == again
    assert [first[:2], other[:2]] == [[False, names[0]], [False, names[1]]]
    assert first[2] != other[2]


@pytest.mark.parametrize("text", [*HOSTILE[:4], HOSTILE[7]])
def test_text_of_a_report_is_only_ever_text(chromium: Browser, text: str) -> None:
    steps = """
        page.document.querySelectorAll("details").forEach((each) => (each.open = true));
        page.document.querySelectorAll("figure svg").forEach((each) =>
          each.dispatchEvent(new page.KeyboardEvent("keydown", { key: "ArrowRight", cancelable: true })));
        await settled();
        return {
          elements: find("img, script, [onerror], [onmouseover]").length,
          legend: find("#chart-spend .legend .name")[0].textContent,
          tip: find("#chart-spend .tip th")[0].textContent,
        };
    """
    seen = chromium.probe(render(hostile(text)), steps)
    clean = text.encode(errors="replace").decode().replace("?", "\ufffd") if "\ud800" in text else text
    assert seen == {"elements": 2, "legend": clean, "tip": clean}


def test_numbers_are_written_alike_with_and_without_the_script(chromium: Browser) -> None:
    nanos = [0, 1, 999, 1_000, 12_345, 9_949_999, 9_950_001, 123_456_789, 994_999_999, 995_000_001, 1_234_567_890_123]
    counts = [0, 1, 999, 9_999, 10_000, 12_345, 99_949, 99_951, 999_499, 999_501, 1_234_567, 10**9, 987_654_321_098]
    spans = [0, 1, 999, 1_000, 12_345, 999_499, 999_501, 1_234_567, 99_949_999, 99_951_000, 3_599_400_000]
    spans += [3_600_000_000, 86_400_000_000, 172_740_000_000, 172_800_000_000, 10**13]
    shares = [0, 0.001, 0.0994, 0.0996, 0.5, 0.996, 1]
    base = Path(render.__code__.co_filename).with_name("page") / "base.js"
    steps = f"""{base.read_text(encoding="utf-8")}
        return [{nanos}.map(money), {counts}.map(amount), {spans}.map(duration), {shares}.map(share)];
    """
    assert chromium.probe("<p></p>", steps) == [
        [money(nano) for nano in nanos],
        [amount(count) for count in counts],
        [duration(span) for span in spans],
        [share(part) for part in shares],
    ]
