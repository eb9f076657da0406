"""Fixtures of the fidelity suite."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    """Clients that are built quickly (no certificates are loaded: nothing here speaks TLS) and retry at once."""
    patch = pytest.MonkeyPatch()
    patch.setattr(ssl.SSLContext, "load_verify_locations", lambda self, *args, **named: None)
    for name in [key for key in os.environ if key.startswith(("OPENAI_", "ANTHROPIC_", "AZURE_", "AWS_", "OTEL_"))]:
        patch.delenv(name)
    for sdk in ("openai", "anthropic"):
        patch.setattr(import_module(f"{sdk}._base_client"), "INITIAL_RETRY_DELAY", 0.001)
        patch.setattr(import_module(f"{sdk}._base_client"), "MAX_RETRY_DELAY", 0.002)
    yield
    patch.undo()


@pytest.fixture
def compared(request: pytest.FixtureRequest) -> Callable[[str, int], None]:
    """Called as ``compared(family, cases)``: what the summary of the run counts (tests/conftest.py)."""

    def add(family: str, cases: int) -> None:
        request.node.user_properties.append(("fidelity", [family, cases]))

    return add
