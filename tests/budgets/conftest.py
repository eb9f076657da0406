from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from budget_lab import Lab

from tokeneff.tokens import _counter


@pytest.fixture
async def lab(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lab]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("TOKENEFF_STORE", "TOKENEFF_LEDGER", "TOKENEFF_PRICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_counter, "_own", None)  # what one test's provider says it counted is nothing to the next
    made = Lab()
    try:
        yield made
    finally:
        await made.close()
