"""A Grafana dashboard and Prometheus alert rules for what tokeneff records, to be imported or copied.

They query the names that metrics have once the OpenTelemetry Prometheus exporter, or a Collector, has written their
dots as underscores and added units.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["grafana", "prometheus_rules"]

_HERE = Path(__file__).parent


def grafana() -> Path:
    """The dashboard's JSON, as Grafana imports it.

    >>> grafana().name
    'grafana.json'
    """
    return _HERE / "grafana.json"


def prometheus_rules() -> Path:
    """Alert rules, for ``rule_files`` of a Prometheus configuration.

    >>> prometheus_rules().name
    'prometheus-rules.yml'
    """
    return _HERE / "prometheus-rules.yml"
