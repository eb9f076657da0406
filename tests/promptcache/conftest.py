from __future__ import annotations

import pytest

from tokeneff.tokens import _counter


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing learnt of counts, no ledger."""
    monkeypatch.setattr(_counter, "_own", None)
    monkeypatch.delenv("TOKENEFF_LEDGER", raising=False)


@pytest.fixture(params=["sync", "async"])
def awaiting(request: pytest.FixtureRequest) -> bool:
    return request.param == "async"
