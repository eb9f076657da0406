"""The shipped dashboard and alert rules: they are well-formed, and ask for what is recorded."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from dashboards_queries import alerts, dashboard, panels, queries

from tokeneff.cli import main
from tokeneff.dashboards import grafana, prometheus_rules
from tokeneff.telemetry import names
from tokeneff.telemetry.gauges import BudgetInstruments
from tokeneff.telemetry.metrics import Instruments

HERE = Path(__file__).parent
UNITS = {"s": "_seconds", "USD": "_USD", "{token}": "", "{call}": "", "": ""}
ENDINGS = {"histogram": ("_bucket", "_sum", "_count"), "observable_counter": ("_total",), "observable_gauge": ("",)}
ATTRIBUTES = {
    names.OPERATION,
    names.PROVIDER,
    names.REQUEST_MODEL,
    names.RESPONSE_MODEL,
    names.ERROR_TYPE,
    names.TOKEN_TYPE,
    names.PREFIX_CAUSE,
    names.COST_CONFIDENCE,
    names.BUDGET_NAME,
    names.BUDGET_SCOPE,
    names.BUDGET_UNIT,
    names.BUDGET_ACTION,
}


class Made:
    """A meter provider, and a meter, that keeps what instruments are made."""

    def __init__(self) -> None:
        self.instruments: list[tuple[str, str, str]] = []

    def get_meter(self, *arguments: Any) -> Made:
        return self

    def __getattr__(self, name: str) -> Any:
        def create_histogram(instrument: str, unit: str, *rest: Any, **more: Any) -> None:
            self.instruments.append(("histogram", instrument, unit))

        def create_observed(instrument: str, callbacks: Any, unit: str, *rest: Any) -> None:
            self.instruments.append((name.removeprefix("create_"), instrument, unit))

        return create_histogram if name == "create_histogram" else create_observed


def in_prometheus(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9]", "_", name)


def recorded() -> set[str]:
    """Every series' name, as the OpenTelemetry Prometheus exporter and the Collector write it."""
    made: Any = Made()
    Instruments(made)
    BudgetInstruments(made)
    return {
        in_prometheus(name) + UNITS[unit] + ending for kind, name, unit in made.instruments for ending in ENDINGS[kind]
    }


def asked(query: str) -> tuple[set[str], set[str]]:
    """The series and the labels that a query names."""
    query = re.sub(r'"[^"]*"', '""', query)
    labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query))
    for listed in re.findall(r"\b(?:by|on|group_left)\s*\(([^)]*)\)", query):
        labels |= set(re.findall(r"\w+", listed))
    bare = re.sub(r"\{[^}]*\}|\b(?:by|on|group_left)\s*\([^)]*\)", "", query)
    return set(re.findall(r"\b(?:tokeneff|gen_ai)_\w+", bare)), labels


@pytest.mark.parametrize(("where", "query"), queries().items(), ids=list(queries()))
def test_every_name_that_is_asked_for_is_recorded(where: str, query: str) -> None:
    series, labels = asked(query)
    assert series
    assert series <= recorded()
    assert labels - {"le"} <= {in_prometheus(name) for name in ATTRIBUTES}


def test_all_that_budgets_record_is_shown() -> None:
    series = {name for query in queries().values() for name in asked(query)[0]}
    assert {name for name in recorded() if name.startswith("tokeneff_")} <= series


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_an_alert_says_what_is_wrong_and_waits_for_a_while(alert: Any) -> None:
    assert alert.name.startswith("Tokeneff")
    assert re.fullmatch("[1-9][0-9]?m", alert.lasting)
    assert alert.severity in ("info", "warning", "critical")
    labels = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.description))
    assert labels <= asked(alert.query)[1]
    assert len({alert.name for alert in alerts()}) == len(alerts())


def promtool(*arguments: str | Path) -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("needs promtool (Debian: apt-get install prometheus)")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_rules() -> None:
    assert f"SUCCESS: {len(alerts())} rules found" in promtool("check", "rules", prometheus_rules())


def test_alerts_are_raised_when_they_should_be_and_not_before() -> None:
    files = [HERE / "rules.yml", HERE / "rules_of_days.yml"]
    promtool("test", "rules", *files)
    tested = re.findall(r"alertname: (\w+)", "".join(file.read_text(encoding="utf-8") for file in files))
    assert set(tested) == {alert.name for alert in alerts()}


def test_promtool_parses_every_query(tmp_path: Path) -> None:
    found = list(queries().values())
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(found)]
    path = tmp_path / "queries.yml"
    path.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))  # JSON is YAML
    assert f"SUCCESS: {len(found)} rules found" in promtool("check", "rules", path)


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    board = dashboard()
    assert (board["title"], board["uid"], board["schemaVersion"]) == ("tokeneff", "tokeneff", 39)
    assert "id" not in board  # Grafana gives it one
    variables = {one["name"]: one for one in board["templating"]["list"]}
    assert set(variables) == {"datasource", "model", "budget"}
    assert variables["datasource"]["query"] == "prometheus"
    for name in ("model", "budget"):
        series, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variables[name]["query"]["query"]).groups()  # type: ignore[union-attr]
        assert series in recorded()
        assert label in {in_prometheus(attribute) for attribute in ATTRIBUTES}
        assert (variables[name]["includeAll"], variables[name]["allValue"]) == (True, ".*")
    everything = board["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    assert len({panel["title"] for panel in everything}) == len(everything)
    for panel in panels():
        assert panel["type"] in ("stat", "timeseries", "bargauge", "table")
        assert panel["description"].endswith(".")
        assert {"defaults", "overrides"} == set(panel["fieldConfig"])
        assert panel["fieldConfig"]["defaults"]["unit"]
        refs = [target["refId"] for target in panel["targets"]]
        assert refs == sorted(set(refs))
        for source in (panel, *panel["targets"], variables["model"], variables["budget"]):
            assert source["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_they_are_written_to_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "folder"
    files = [folder / "tokeneff-grafana.json", folder / "tokeneff-rules.yml"]
    for _ in range(2):  # what is there already and the same is no obstacle
        assert main(["dashboards", str(folder)]) == 0
        assert capsys.readouterr().out.splitlines() == [str(path) for path in files]
    assert [path.read_bytes() for path in files] == [grafana().read_bytes(), prometheus_rules().read_bytes()]

    files[1].write_text("my own\n")
    files[0].unlink()
    assert main(["dashboards", str(folder)]) == 2
    told = capsys.readouterr()
    assert (told.out, files[0].exists()) == ("", False)
    assert told.err == f"tokeneff dashboards: {files[1]} is there, and differs: write --force to overwrite it\n"
    assert main(["dashboards", str(folder), "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"files": [str(path) for path in files]}
    assert files[1].read_bytes() == prometheus_rules().read_bytes()


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["dashboards", str(tmp_path / "file")]) == 2
    assert f"cannot write to {tmp_path}/file: " in capsys.readouterr().err
