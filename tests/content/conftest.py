"""One provider for all of these tests: they only read what it puts on the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tokeneff.testing import FakeProvider


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider
