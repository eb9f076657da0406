"""Every query of the shipped dashboard and of the shipped rules."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from tokeneff.dashboards import grafana, prometheus_rules

VARIABLES = {"$model": ".*", "$budget": ".*", "$__rate_interval": "1m", "$__range": "5m"}


class Alert(NamedTuple):
    name: str
    query: str
    lasting: str
    severity: str
    summary: str
    description: str


def dashboard() -> dict[str, Any]:
    return json.loads(grafana().read_text(encoding="utf-8"))


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def alerts() -> list[Alert]:
    """The rules, read without a library for YAML: all of them are written in one form."""
    text = prometheus_rules().read_text(encoding="utf-8")
    form = (
        r"^      - alert: (\w+)\n        expr: \|\n((?: {10}.*\n)+)        for: (\w+)\n"
        r"        labels: \{severity: (\w+)\}\n        annotations:\n"
        r'          summary: "(.+)"\n          description: "(.+)"\n'
    )
    found = [Alert(*match) for match in re.findall(form, text, re.MULTILINE)]
    assert len(found) == text.count("- alert:") == text.count("expr:") > 0
    return found


def queries() -> dict[str, str]:
    """Queries by where they are, with a value in each variable's place."""
    found = {f"rule {alert.name}": alert.query for alert in alerts()}
    for panel in panels():
        for target in panel["targets"]:
            expr = target["expr"]
            for variable, value in VARIABLES.items():
                expr = expr.replace(variable, value)
            assert "$" not in expr, expr
            found[f"panel {panel['title']} {target['refId']}"] = expr
    return found
