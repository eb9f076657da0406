from __future__ import annotations

import pytest

from tokeneff.tokens import _counter


@pytest.fixture(autouse=True)
def _counts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test's provider says it counted is nothing to the next, nor is anything recorded."""
    monkeypatch.setattr(_counter, "_own", None)
    monkeypatch.delenv("TOKENEFF_LEDGER", raising=False)
