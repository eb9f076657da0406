from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from cache_lab import Lab

from tokeneff import _last


@pytest.fixture(autouse=True)
def _no_last_call() -> None:
    _last._boxes.set(())


@pytest.fixture
async def lab(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lab]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("TOKENEFF_STORE", "TOKENEFF_LEDGER", "TOKENEFF_PRICES"):
        monkeypatch.delenv(name, raising=False)
    made = Lab()
    try:
        yield made
    finally:
        await made.close()
