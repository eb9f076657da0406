from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from cache_lab import Lab

from tokeneff import _last, _log


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    _log._forget()
    _last._boxes.set(())
    yield
    _log._forget()


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
