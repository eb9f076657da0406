"""The pytest fixture `fake_provider`; comes with the package, and imports the server only when used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tokeneff.testing.server import FakeProvider


@pytest.fixture
def fake_provider() -> Iterator[FakeProvider]:
    """A fake provider for this test: `OpenAI(base_url=fake_provider.openai_url, api_key="test")`."""
    from tokeneff.testing.server import FakeProvider

    with FakeProvider() as provider:
        yield provider
