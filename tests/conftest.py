"""The line that says how much the fidelity suite compared.

It is here and not in that suite's own folder, for the process that sums up a run in parallel loads only this one.
"""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    cases = {"openai": 0, "anthropic": 0}
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "fidelity":
                cases[value[0]] += value[1]
    if any(cases.values()):
        told = ", ".join(f"{family} {count}" for family, count in cases.items())
        terminalreporter.write_line(f"fidelity: {sum(cases.values())} cases compared ({told})")
