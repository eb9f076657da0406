from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from framework_examples import close_all, endless

import tokeneff
from tokeneff.testing import FakeProvider
from tokeneff.tokens import counter

# Read when these frameworks are loaded: nothing of a run is told to their makers.
os.environ |= {"OPENAI_AGENTS_DISABLE_TRACING": "1", "LANGSMITH_TRACING": "false", "PYDANTIC_DISABLE_PLUGINS": "1"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here:
            item.add_marker("frameworks")
            # Warnings of the frameworks are theirs to answer for.
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture
async def provider(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeProvider]:
    """A provider whose model wants a tool called, again and again; clients without arguments are its clients."""
    for model in ("gpt-4o-mini", "claude-haiku-4-5"):
        counter().await_vocabulary(model, 30)
    with FakeProvider(endless()) as provider:
        monkeypatch.setenv("TOKENEFF_STORE", f"memory://{provider.port}")  # each test's budgets begin at 0
        for name, value in (("OPENAI", provider.openai_url), ("ANTHROPIC", provider.anthropic_url)):
            monkeypatch.setenv(f"{name}_BASE_URL", value)
            monkeypatch.setenv(f"{name}_API_KEY", "test")
        try:
            yield provider
        finally:
            tokeneff.uninstall()
            await close_all()
