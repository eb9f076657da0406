"""Fixtures of the fidelity suite."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    from probing.quickly import quickly

    patch = pytest.MonkeyPatch()
    quickly(patch)
    yield
    patch.undo()


@pytest.fixture
def compared(request: pytest.FixtureRequest) -> Callable[[str, int], None]:
    """Called as ``compared(family, cases)``: what the summary of the run counts (tests/conftest.py)."""

    def add(family: str, cases: int) -> None:
        request.node.user_properties.append(("fidelity", [family, cases]))

    return add
