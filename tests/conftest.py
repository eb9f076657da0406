"""What the whole suite shares: the line that says how much the fidelity suite compared, a quiet log, and a marker.

The line is here and not in that suite's own folder, for the process that sums up a run in parallel loads only this one.
"""

from __future__ import annotations

import gc
import logging
import os
import warnings
from pathlib import Path

import pytest
from hypothesis import settings

from tokeneff import _log

_HERE = Path(__file__).parent
_ANYLINE = frozenset(("accounts", "advise", "dashboards", "ledger", "logs", "prices", "report", "stores", "tokens"))
"""Folders of what knows no SDK."""
_ANYLINE_FILES = frozenset(
    (
        "test_budget_scopes.py",
        "test_budget_values.py",
        "test_budget_windows.py",
        "test_cache_codec.py",
        "test_cache_store.py",
        "test_cache_store_guarded.py",
        "test_cache_store_kills.py",
        "test_cache_store_machine.py",
        "test_cache_store_memory.py",
        "test_cache_store_redis.py",
        "test_cache_store_sqlite.py",
        "test_prompt_cache_engines.py",
        "test_prompt_cache_plans.py",
        "test_prompt_cache_traces.py",
        "test_semantic_answers.py",
        "test_semantic_evidence.py",
        "test_semantic_guard.py",
        "test_semantic_neighbourhoods.py",
        "test_trim_anchoring.py",
        "test_trim_faults.py",
        "test_trim_kinds.py",
        "test_trim_kinds_lossy.py",
        "test_trim_kinds_traces.py",
        "test_trim_memo.py",
        "test_trim_plans.py",
        "test_trim_repetition.py",
        "test_trim_vault.py",
    )
)
"""The same, of files."""
_WITH_AN_SDK = frozenset(("test_advise_ledger.py", "test_ledger_calls.py"))
"""What calls through one all the same."""

# The gate asks the same questions each time, so that what it refuses can be seen again; `make fuzz` asks new ones.
settings.register_profile("gate", derandomize=True)
settings.register_profile("fuzz", print_blob=True)
settings.load_profile(os.environ.get("TOKENEFF_HYPOTHESIS", "gate"))


def pytest_configure() -> None:
    # A stream that one test leaves to the garbage collector may end during a later one, whose log is then told that the
    # earlier one's provider is closed.
    for name in ("opentelemetry.sdk.trace.export", "opentelemetry.sdk._shared_internal", "opentelemetry.sdk.trace"):
        logging.getLogger(name).addFilter(_not_of_an_earlier_test)


@pytest.hookimpl(tryfirst=True)  # before what -m leaves out is left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        path = item.path
        knows_none = path.parent.name in _ANYLINE and path.name not in _WITH_AN_SDK
        if path.parent.parent == _HERE and (knows_none or path.name in _ANYLINE_FILES):
            item.add_marker(pytest.mark.anyline)
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.property)


def pytest_collection_finish() -> None:
    # Many tests have the collector look for what they dropped: it need not walk along five thousand tests each time.
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    _log._forget()  # what is logged once is logged in each test


@pytest.hookimpl(trylast=True)  # behind the fixtures
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is None or nextitem.path != item.path:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # stores that it has left open are nobody else's fault
            gc.collect()
        gc.freeze()  # nor is the collector to walk along all that it has loaded


def _not_of_an_earlier_test(record: logging.LogRecord) -> bool:
    return "already shutdown" not in record.getMessage()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    cases = {"openai": 0, "anthropic": 0}
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "fidelity":
                cases[value[0]] += value[1]
    if any(cases.values()):
        told = ", ".join(f"{family} {count}" for family, count in cases.items())
        terminalreporter.write_line(f"fidelity: {sum(cases.values())} cases compared ({told})")
