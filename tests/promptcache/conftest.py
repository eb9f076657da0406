from __future__ import annotations

from collections.abc import Iterator

import pytest

from tokeneff import _log
from tokeneff.tokens import _counter


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing learnt of counts, nothing logged, no ledger."""
    monkeypatch.setattr(_counter, "_own", None)
    monkeypatch.delenv("TOKENEFF_LEDGER", raising=False)
    _log._forget()
    yield
    _log._forget()


@pytest.fixture(params=["sync", "async"])
def awaiting(request: pytest.FixtureRequest) -> bool:
    return request.param == "async"
