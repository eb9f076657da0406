"""What a provider said that recorded calls cost, against ours."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from tokeneff._flow import Tokens
from tokeneff.prices import Prices

TRACES = Path(os.environ.get("TOKENEFF_TRACES") or Path(__file__).parents[3] / "shared" / "data" / "traces")
FILE = TRACES / "miniswe_gemini3pro.jsonl"


@pytest.mark.skipif(not FILE.exists(), reason=f"no recorded calls: {FILE.name} is not in TOKENEFF_TRACES")
def test_recorded_costs_are_reproduced() -> None:
    prices, ours, theirs, apart, calls = Prices(), 0, Decimal(0), list[Decimal](), 0
    for line in FILE.read_text("utf-8").splitlines():
        run = json.loads(line, parse_float=Decimal)
        for call in run["calls"]:
            tokens = Tokens(
                input_tokens=call["prompt_tokens"],
                output_tokens=call["completion_tokens"],
                cache_read=call["cached_tokens"],
                reasoning=call["reasoning_tokens"],
            )
            cost = prices.cost(tokens, model=run["model"], provider="openrouter", at=call["created"])
            assert cost.nano_usd is not None, cost
            recorded = Decimal(call["cost"])
            ours, theirs, calls = ours + cost.nano_usd, theirs + recorded, calls + 1
            if abs(Decimal(cost.nano_usd) / 10**9 - recorded) > Decimal("0.000001"):
                apart.append(Decimal(cost.nano_usd) / 10**9 - recorded)
    print(f"{calls} calls: ours {ours / 10**9:.6f}, recorded {theirs:.6f}, {len(apart)} calls apart")
    assert abs(Decimal(ours) / 10**9 / theirs - 1) < Decimal("0.01")
