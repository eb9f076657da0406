from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from peer_lab import Lab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here:
            item.add_marker("peers")
            # Warnings of the peers are theirs to answer for.
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab beside the peer of this test file, which it instruments in ``beside(lab)``."""
    made = Lab()
    request.module.beside(made)
    try:
        yield made
    finally:
        made.close()
