"""Fixtures of the fidelity suite, and the count of what it compared."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session", autouse=True)
def _quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Clients that are built quickly (no certificates to load) and retry at once."""
    patch = pytest.MonkeyPatch()
    patch.setenv("SSL_CERT_DIR", str(tmp_path_factory.mktemp("certificates")))
    for name in [key for key in os.environ if key.startswith(("OPENAI_", "ANTHROPIC_", "AZURE_", "AWS_", "OTEL_"))]:
        patch.delenv(name)
    for sdk in ("openai", "anthropic"):
        patch.setattr(import_module(f"{sdk}._base_client"), "INITIAL_RETRY_DELAY", 0.001)
        patch.setattr(import_module(f"{sdk}._base_client"), "MAX_RETRY_DELAY", 0.002)
    yield
    patch.undo()


@pytest.fixture
def compared(request: pytest.FixtureRequest) -> Callable[[str, int], None]:
    """Called as ``compared(family, cases)``: what the summary counts."""

    def add(family: str, cases: int) -> None:
        request.node.user_properties.append(("fidelity", [family, cases]))

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    cases = {"openai": 0, "anthropic": 0}
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "fidelity":
                cases[value[0]] += value[1]
    if any(cases.values()):
        told = ", ".join(f"{family} {count}" for family, count in cases.items())
        terminalreporter.write_line(f"fidelity: {sum(cases.values())} cases compared ({told})")
