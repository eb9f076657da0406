from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from trim_clients import Clients

from tokeneff.testing import FakeProvider
from tokeneff.tokens import _counter


@pytest.fixture(autouse=True)
def _counts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test's provider says it counted is nothing to the next, nor is anything recorded."""
    monkeypatch.setattr(_counter, "_own", None)
    monkeypatch.delenv("TOKENEFF_LEDGER", raising=False)


@pytest.fixture
async def bare(provider: FakeProvider) -> AsyncIterator[Clients]:
    """Makes bare clients on the provider of a file's own, and closes them."""
    made = Clients(provider)
    yield made
    await made.close()
