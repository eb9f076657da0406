"""Costs against sums worked out by hand from the providers' price pages: not one nano-dollar off."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest

from tokeneff._flow import Tokens
from tokeneff.prices import Prices

FIELDS = {
    "in": "input_tokens",
    "out": "output_tokens",
    "read": "cache_read",
    "write": "cache_write",
    "hour": "cache_write_1h",
    "reasoning": "reasoning",
    "audio": "audio_input",
    "audio_read": "audio_cache_read",
    "audio_out": "audio_output",
    "image": "image_input",
    "image_out": "image_output",
}


class Case(NamedTuple):
    model: str
    host: str
    provider: str
    tier: str | None
    at: float
    tokens: Tokens
    arithmetic: str
    nano_usd: int
    confidence: str


def cases() -> list[Case]:
    found = list[Case]()
    for line in Path(__file__).with_name("golden.txt").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        named, provider, tier, day, usage, arithmetic, nano, _, confidence = (one.strip() for one in line.split("|"))
        model, _, host = named.partition(" @")
        at = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
        counts = {FIELDS[key]: int(value) for key, value in re.findall(r"(\w+)=(\d+)", usage)}
        tokens = Tokens(**counts)
        found.append(
            Case(model, host, provider, None if tier == "-" else tier, at, tokens, arithmetic, int(nano), confidence)
        )
    return found


CASES = cases()


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices()


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 70
    assert len(set(CASES)) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.model}-{case.tier or ''}-{case.tokens.input_tokens}")
def test_golden_cost(case: Case, prices: Prices) -> None:
    terms = [term.split("×") for term in case.arithmetic.split(" + ")]
    worked_out = sum(Fraction(count) * Fraction(rate[0] if rate else 1) for count, *rate in terms)
    assert (2 * worked_out + 1) // 2 == case.nano_usd, "the table's own arithmetic"

    cost = prices.cost(
        case.tokens, model=case.model, provider=case.provider, host=case.host, tier=case.tier, at=case.at
    )
    assert (cost.nano_usd, cost.confidence) == (case.nano_usd, case.confidence), cost
    assert cost.input is not None
    assert cost.cache_read is not None
    assert cost.cache_write is not None
    assert cost.output is not None
    assert cost.input + cost.cache_read + cost.cache_write + cost.output == cost.nano_usd
    assert cost.source in ("genai-prices", "corrections.toml")
    assert cost.version
