"""Cheaper siblings: every one is listed, and costs less than the model that it is a sibling of."""

from __future__ import annotations

import pytest

from tokeneff.prices import Prices
from tokeneff.prices._siblings import cheaper

AT = 1795200000.0
MAKERS = {"gpt": "openai", "o1": "openai", "o3": "openai", "cla": "anthropic", "gem": "gcp.gemini", "mis": "mistral_ai"}
MODELS = (
    "gpt-5",
    "gpt-5-2025-08-07",
    "gpt-5.1",
    "gpt-5.2",
    "gpt-5.4",
    "gpt-5.5",
    "gpt-5.6-sol",
    "gpt-5.6-terra",
    "gpt-6-astra",
    "gpt-6.1-sol",
    "gpt-6.1-terra",
    "gpt-5-mini",
    "gpt-4.1",
    "gpt-4o",
    "gpt-4-turbo",
    "o1",
    "o3",
    "claude-opus-4-5-20251101",
    "claude-opus-4-8",
    "claude-opus-5",
    "claude-opus-5-5",
    "claude-fable-5-2",
    "claude-sonnet-4-5",
    "claude-sonnet-5",
    "claude-sonnet-5-5",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-3-pro-preview",
    "gemini-3.1-pro-preview",
    "gemini-3-flash-preview",
    "gemini-3.8-flash",
    "gemini-4-argon",
    "mistral-medium-latest",
)


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices()


@pytest.mark.parametrize("model", MODELS)
def test_siblings_cost_less_one_after_the_other(model: str, prices: Prices) -> None:
    family = (model, *cheaper(model))
    assert len(family) > 1
    maker = next(provider for start, provider in MAKERS.items() if model.startswith(start))
    rates = [prices.rates(name, maker, at=AT) for name in family]
    assert all(rates), dict(zip(family, rates, strict=True))
    sums = [rate.input + rate.output for rate in rates if rate and rate.output is not None]
    assert len(sums) == len(family)
    assert sums == sorted(set(sums), reverse=True), dict(zip(family, sums, strict=True))


@pytest.mark.parametrize(
    "model", ["gpt-5-nano", "claude-haiku-4-5", "gemini-2.5-flash-lite", "my-own", "", "ft:gpt-5:a"]
)
def test_no_sibling_of_the_smallest_or_the_unknown(model: str) -> None:
    assert cheaper(model) == ()


def test_other_spellings_have_the_same_siblings() -> None:
    assert cheaper("anthropic/claude-opus-4-5") == cheaper("us.anthropic.claude-opus-4-5-20251101-v1:0")
    assert cheaper("openai/gpt-5") == cheaper("GPT-5")
