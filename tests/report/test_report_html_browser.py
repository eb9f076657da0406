"""The report's page in a real browser: that it draws, obeys and complains of nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import made_reports as made
import pytest
from chromium import Probe, browser
from test_report_html import HOSTILE, hostile

from tokeneff.report import Report
from tokeneff.report._say import amount, duration, money, share
from tokeneff.report.html import render

LOOK = """
    const root = page.document.documentElement;
    const light = (color) => color.match(/\\d+/g).slice(0, 3).reduce((sum, value) => sum + Number(value), 0);
    const style = page.getComputedStyle(root);
    const own = (each) => [...each.attributes].map((one) => one.value).join(" ")
      + [...each.childNodes].map((one) => one.data ?? "").join(" ");
    return {
      charts: root.dataset.charts,
      drawn: find("figure svg").map((each) =>
        each.querySelectorAll(".bar, .line").length > 0 && each.getBoundingClientRect().width > 200),
      overflow: root.scrollWidth - root.clientWidth,
      dark: light(style.backgroundColor) < light(style.color),
      strange: find("main *").map(own).filter((text) => /NaN|undefined|null|Infinity|Invalid/.test(text)),
    };
"""
LEGEND = """
    const state = () => ({
      bars: find("#chart-spend .bar").map((bar) => bar.getAttribute("class")),
      pressed: find("#chart-spend .legend button").map((button) => button.getAttribute("aria-pressed") === "true"),
      labels: find("#chart-spend svg text").map((text) => text.textContent),
    });
    const entry = (index) => find("#chart-spend .legend button")[index];
    const only = (index) => entry(index).dispatchEvent(new page.MouseEvent("click", { shiftKey: true }));
    const states = [state()];
    for (const step of [() => entry(0).click(), () => entry(0).click(), () => only(2), () => only(2)]) {
      step();
      states.push(state());
    }
    return states;
"""
NUMBERS = """
    const told = {}, cells = (row) => [...row.cells].map((cell) => cell.textContent);
    const modes = [["spend", 0], ["spend", 2], ["tokens", 0], ["tokens", 1], ["latency", 0], ["latency", 2]];
    for (const [chart, mode] of modes) {
      const section = page.document.getElementById(`chart-${chart}`), details = section.querySelector("details");
      section.querySelectorAll(".switch button")[mode].click();
      details.open = true;
      await settled();
      told[`${chart} ${mode}`] = [...details.querySelectorAll("tr")].map(cells);
    }
    return told;
"""
POINT = """
    const picture = () => find("#chart-spend svg")[0], tip = find("#chart-spend .tip")[0], told = [];
    const tell = () => told.push(tip.hidden ? null : tip.querySelector("strong").textContent);
    for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home", "Escape"]) {
      picture().dispatchEvent(new page.KeyboardEvent("keydown", { key, cancelable: true }));
      tell();
    }
    const box = picture().getBoundingClientRect();
    picture().dispatchEvent(new page.PointerEvent("pointermove", { clientX: box.right - 8, clientY: box.top + 50 }));
    tell();
    const rows = [...tip.querySelectorAll("tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
    const { left, right } = tip.getBoundingClientRect();
    picture().dispatchEvent(new page.PointerEvent("pointerleave", { pointerType: "mouse" }));
    tell();
    return { told, rows, inside: left >= box.left - 1 && right <= box.right + 1, focusable: picture().tabIndex };
"""
SORT = """
    const table = find("table.sortable")[0], heads = [...table.tHead.rows[0].cells];
    const click = (title) => {
      heads.find((each) => each.textContent === title).querySelector("button").click();
      const names = [...table.tBodies[0].rows].map((row) => row.cells[0].textContent);
      return [names, heads.map((each) => each.getAttribute("aria-sort"))];
    };
    return [click("cost"), click("cost"), click("calls"), click("model"), click("model")];
"""
THEME = """
    const button = find("#theme")[0], root = page.document.documentElement;
    const state = () => [button.hidden, button.textContent, page.getComputedStyle(root).backgroundColor];
    const told = [state()];
    for (let turn = 0; turn < 2; turn++) { button.click(); told.push(state()); }
    return told;
"""
TEXT = """
    page.document.querySelectorAll("details").forEach((each) => (each.open = true));
    page.document.querySelectorAll("figure svg").forEach((each) =>
      each.dispatchEvent(new page.KeyboardEvent("keydown", { key: "ArrowRight", cancelable: true })));
    await settled();
    return {
      foreign: find("img, b > script, bdi *, [onerror], [onmouseover]").length + find("script").length - 2,
      legend: find("#chart-spend .legend .name")[0].textContent,
      tip: find("#chart-spend .tip th")[0].textContent,
    };
"""
NANOS = [0, 1, 999, 1_000, 12_345, 691_500, 9_949_999, 9_950_001, 994_999_999, 995_000_001, 1_234_567_890_123]
COUNTS = [0, 1, 999, 9_999, 10_000, 12_250, 99_949, 99_951, 999_499, 999_501, 1_234_567, 10**9, 987_654_321_098]
SPANS = [0, 1, 999, 1_000, 12_345, 12_350, 999_499, 999_501, 1_234_567, 99_949_999, 99_951_000, 3_599_400_000]
SPANS += [3_600_000_000, 86_400_000_000, 172_740_000_000, 172_800_000_000, 10**13]
SHARES = [0, 0.001, 0.0125, 0.0994, 0.0996, 0.125, 0.5, 0.996, 1]
BASE = Path(render.__code__.co_filename).with_name("page") / "base.js"
WRITTEN = f"""{BASE.read_text(encoding="utf-8")}
    return [{NANOS}.map(money), {COUNTS}.map(amount), {SPANS}.map(duration), {SHARES}.map(share)];
"""

FAILED = {"cost": None, "input_tokens": None, "output_tokens": None, "duration": None, "first_chunk": None}
SAID = HOSTILE[:8]


def reports() -> dict[str, Report]:
    """Reports at the edges of what there is."""
    return {
        "one call": made.report(made.records(1)),
        "one day": made.report(made.records(300, days=1)),
        "400 days": made.report(made.records(1500, days=400)),
        "40 years": made.report(made.records(300, days=15_000)),
        "200 models": made.report(made.records(1500, models=[f"vendor/model-{each}" for each in range(200)])),
        "failures": made.report([row._replace(ending="failed", **FAILED) for row in made.records(20)]),
    }


@pytest.fixture(scope="module")
def report() -> Report:
    return made.report(made.records(1200))


@pytest.fixture(scope="module")
def answers(report: Report, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What all probes found; the browser is started once for readers of light pages, once for those of dark ones."""
    started = browser(tmp_path_factory.mktemp("chromium"))
    page = render(report)
    looks = {f"look {width}": Probe(page, LOOK, width) for width in (360, 1400)}
    theme = {"theme": Probe(page, THEME)}
    light = {
        **looks,
        **theme,
        **{name: Probe(render(each), LOOK, 360) for name, each in reports().items()},
        "no calls": Probe(render(made.report([])), LOOK),
        "no series": Probe(render(report._replace(series=None)), LOOK),
        "legend": Probe(page, LEGEND),
        "numbers": Probe(page, NUMBERS),
        "point": Probe(page, POINT, 360),
        "sort": Probe(page, SORT),
        **{text: Probe(render(hostile(text)), TEXT) for text in SAID},
        "written": Probe("<p></p>", WRITTEN),
    }
    dark = {f"{name} dark": answer for name, answer in started.run({**looks, **theme}, dark=True).items()}
    return {**started.run(light), **dark}


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_charts_are_drawn_and_nothing_sticks_out(answers: dict[str, Any], dark: bool, width: int) -> None:
    look = answers[f"look {width} dark" if dark else f"look {width}"]
    assert look == {"charts": "4", "drawn": [True] * 4, "overflow": 0, "dark": dark, "strange": []}


@pytest.mark.parametrize("name", ["one call", "one day", "400 days", "40 years", "200 models"])
def test_any_report_is_drawn(answers: dict[str, Any], name: str) -> None:
    assert answers[name] == {"charts": "4", "drawn": [True] * 4, "overflow": 0, "dark": False, "strange": []}


def test_a_chart_of_which_nothing_is_known_says_so(answers: dict[str, Any]) -> None:
    assert answers["failures"]["charts"] == "4"
    assert answers["failures"]["strange"] == []


@pytest.mark.parametrize("name", ["no calls", "no series"])
def test_a_report_without_charts_has_none(answers: dict[str, Any], name: str) -> None:
    assert answers[name] == {"charts": "0", "drawn": [], "overflow": 0, "dark": False, "strange": []}


def test_a_legend_switches_series_off_and_on(answers: dict[str, Any]) -> None:
    first, without, again, alone, all_again = answers["legend"]
    tones = [f"bar {tone}" for tone in ("c0", "c1", "c2", "c3", "c4", "c5", "c6", "rest")]
    assert (first["bars"], first["pressed"]) == (tones, [True] * 8)
    assert (without["bars"], without["pressed"]) == (tones[1:], [False] + [True] * 7)
    assert without["labels"] != first["labels"]  # what is left fills the chart
    assert alone["bars"] == ["bar c2"]
    assert first == again == all_again


def test_numbers_behind_the_charts_are_the_reports(answers: dict[str, Any], report: Report) -> None:
    told: dict[str, list[list[str]]] = answers["numbers"]
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


def test_a_pointer_and_the_arrow_keys_read_values(answers: dict[str, Any], report: Report) -> None:
    seen, series = answers["point"], report.series
    assert series is not None
    first, second, *_, last, _ = seen["told"]
    assert seen["told"] == [first, second, first, last, last, first, None, last, None]
    assert (first, second) == ("5 Nov 2025", "6 Nov 2025")
    values = [(model.name, model.cost[-1]) for model in series.models if model.cost[-1] != 0]
    rows = [[name, "unknown" if cost is None else money(cost)] for name, cost in reversed(values)]
    together = [["together", money(sum(cost or 0 for _, cost in values))]] if len(values) > 1 else []
    assert seen["rows"] == rows + together
    assert (seen["inside"], seen["focusable"]) == (True, 0)


def test_tables_sort_by_value_and_back(answers: dict[str, Any], report: Report) -> None:
    down, up, calls, names, back = answers["sort"]
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
def test_a_button_turns_light_into_dark(answers: dict[str, Any], dark: bool) -> None:
    first, other, again = answers["theme dark" if dark else "theme"]
    assert first == again
    assert [first[:2], other[:2]] == [[False, name] for name in (["Light", "Dark"] if dark else ["Dark", "Light"])]
    assert first[2] != other[2]


@pytest.mark.parametrize("text", SAID)
def test_text_of_a_report_is_only_ever_text(answers: dict[str, Any], text: str) -> None:
    clean = "".join("\ufffd" if letter in "\ud800\udfff\u202e\u2066" else letter for letter in text)
    assert answers[text] == {"foreign": 0, "legend": clean, "tip": clean}


def test_numbers_are_written_alike_with_and_without_the_script(answers: dict[str, Any]) -> None:
    assert answers["written"] == [
        [money(nano) for nano in NANOS],
        [amount(count) for count in COUNTS],
        [duration(span) for span in SPANS],
        [share(part) for part in SHARES],
    ]
