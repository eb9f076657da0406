"""Any conversation through a market, turn by turn: valid, the caller's but for what is replaced, and never changed."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trim_market_checks import check_market


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32 - 1))
def test_any_conversation(seed: int) -> None:
    check_market(seed)


def test_a_good_part_is_trimmed() -> None:
    assert sum(map(check_market, range(20))) > 3
