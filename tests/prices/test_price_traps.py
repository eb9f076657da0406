"""Where price tables go wrong in silence, and what is said instead."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tokeneff._flow import UNKNOWN, Tokens
from tokeneff.prices import Cost, Prices

AT = 1795132800.0  # 2026-11-20
TOKENS = Tokens(input_tokens=1000, output_tokens=100)
CACHED = TOKENS._replace(cache_read=600)


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices()


def ask(prices: Prices, model: str, provider: str = "openai", tokens: Tokens = TOKENS, **more: object) -> Cost:
    return prices.cost(tokens, model=model, provider=provider, **{"at": AT, **more})  # type: ignore[arg-type]


def same(one: Cost, other: Cost) -> bool:
    return one[:5] == other[:5]


@pytest.mark.parametrize(
    ("model", "provider", "host"),
    [
        ("gpt-99", "openai", "api.openai.com"),
        ("my-model", "openai", "llm.example.com"),
        ("llama3.2:3b", "ollama", "localhost:11434"),
        ("meta-llama/Llama-3.1-8B-Instruct", "openai", "localhost:8000"),
        ("deepseek-v4-flash", "openai", "10.1.2.3:8000"),
        ("gpt-oss-120b", "openai", "vllm"),
        ("google/gemma-3-27b-it", "openai", "gpu.internal"),
        ("", "openai", "api.openai.com"),
        ("whisper-1", "openai", "api.openai.com"),
        ("auto", "", ""),
    ],
)
def test_unknown_is_none_never_0(prices: Prices, model: str, provider: str, host: str) -> None:
    cost = ask(prices, model, provider, host=host)
    assert cost[:5] == (None,) * 5
    assert cost.confidence == "unknown"
    assert cost.note
    assert cost.micro_usd is None
    assert cost.usd is None
    assert prices.rates(model, provider, host, AT) is None


@pytest.mark.parametrize(
    ("model", "provider", "host", "plain", "whose"),
    [
        ("gpt-5", "openai", "localhost:4000", "gpt-5", "openai"),
        ("openai/gpt-5", "openai", "proxy.example.com", "gpt-5", "openai"),
        ("claude-sonnet-4-5", "anthropic", "gateway.example.com", "claude-sonnet-4-5", "anthropic"),
        ("anthropic/claude-sonnet-4-5", "", "", "claude-sonnet-4-5", "anthropic"),
        ("gemini-2.5-pro", "openai", "192.168.1.7", "gemini-2.5-pro", "gcp.gemini"),
        ("grok-4", "openai", "proxy.example.com", "grok-4", "x_ai"),
    ],
)
def test_a_known_name_at_an_unknown_endpoint_is_priced_by_its_name_and_marked(
    prices: Prices, model: str, provider: str, host: str, plain: str, whose: str
) -> None:
    cost = ask(prices, model, provider, host=host)
    assert same(cost, ask(prices, plain, whose))
    assert cost.confidence == "assumed"
    assert "priced by its name" in cost.note


def test_the_vendors_own_hosts_are_known(prices: Prices) -> None:
    assert ask(prices, "gpt-5", host="api.openai.com").confidence == "listed"
    assert ask(prices, "gpt-5", host="eu.api.openai.com:443").confidence == "listed"
    assert ask(prices, "gpt-5", host="openai.com.example.org").confidence == "assumed"
    assert ask(prices, "gpt-5", host="notopenai.com").confidence == "assumed"


def test_a_host_of_the_price_list_is_known_whatever_the_client_is_called(prices: Prices) -> None:
    known = ask(prices, "deepseek-v4-flash", "deepseek")
    assert ask(prices, "deepseek-v4-flash", "anthropic", host="api.deepseek.com") == known


@pytest.mark.parametrize(
    ("spelled", "provider", "plain"),
    [
        ("models/gemini-2.5-flash", "gcp.gemini", "gemini-2.5-flash"),
        ("publishers/google/models/gemini-2.5-flash", "gcp.vertex_ai", "gemini-2.5-flash"),
        ("google/gemini-2.5-flash", "gcp.vertex_ai", "gemini-2.5-flash"),
        ("GPT-5", "openai", "gpt-5"),
        (" gpt-5 ", "openai", "gpt-5"),
        ("gpt-4o-mini-2024-07-18", "openai", "gpt-4o-mini"),
        ("claude-opus-4-5-20251101", "anthropic", "claude-opus-4-5"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "aws.bedrock",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("ft:gpt-4o-mini-2024-07-18:acme:name:9abc", "openai", "ft:gpt-4o-mini-2024-07-18:other::1"),
    ],
)
def test_spellings_of_one_model(prices: Prices, spelled: str, provider: str, plain: str) -> None:
    assert ask(prices, spelled, provider, CACHED) == ask(prices, plain, provider, CACHED)
    assert ask(prices, spelled, provider, CACHED).confidence == "listed"


def test_a_dated_version_that_is_not_listed_is_marked(prices: Prices) -> None:
    cost = ask(prices, "gpt-5-2027-01-01")
    assert same(cost, ask(prices, "gpt-5"))
    assert (cost.confidence, cost.note) == ("assumed", "this dated version is not listed")


@pytest.mark.parametrize(
    ("model", "provider"),
    [("gemini-flash-latest", "gcp.gemini"), ("mistral-large-latest", "mistral_ai"), ("deepseek-chat", "deepseek")],
)
def test_moving_aliases_are_marked(prices: Prices, model: str, provider: str) -> None:
    cost = ask(prices, model, provider)
    assert cost.nano_usd
    assert cost.confidence == "assumed"
    assert "moving alias" in cost.note


def test_a_missing_cached_price_is_no_silent_fallback(prices: Prices) -> None:
    cost = ask(prices, "gpt-4-turbo", tokens=CACHED)
    assert cost[:5] == (1000 * 10_000 + 100 * 30_000, 400 * 10_000, 600 * 10_000, 0, 100 * 30_000)
    assert (cost.confidence, cost.note) == ("assumed", "no price for cached reads: at the input price")
    assert ask(prices, "gpt-4-turbo").confidence == "listed"
    rates = prices.rates("gpt-4-turbo", "openai", at=AT)
    assert rates is not None
    assert rates.assumed == ("cache_read", "cache_write", "cache_write_1h")


def test_audio_without_a_price_of_its_own_is_marked(prices: Prices) -> None:
    tokens = TOKENS._replace(audio_input=900)
    assert ask(prices, "gpt-4o", tokens=tokens).confidence == "assumed"
    assert "audio input" in ask(prices, "gpt-4o", tokens=tokens).note
    gemini = ask(prices, "gemini-2.5-pro", "gcp.gemini", tokens)
    assert gemini.confidence == "listed"  # one price for text, images, video and audio, says its page


def test_which_tokens_were_cached_matters_only_where_their_prices_differ(prices: Prices) -> None:
    images, sounds = CACHED._replace(image_input=500), CACHED._replace(audio_input=500)
    assert ask(prices, "gpt-5", tokens=images) == ask(prices, "gpt-5", tokens=CACHED)
    cost = ask(prices, "gemini-2.5-flash", "gcp.gemini", sounds)
    # 500 of text and 100 of audio were read; 400 of audio were not.
    assert cost[1:4] == (400 * 1000, 500 * 30 + 100 * 100, 0)
    assert (cost.confidence, cost.note) == ("assumed", "which of the cached tokens were text is not known")


def test_cached_tokens_are_counted_once(prices: Prices) -> None:
    cost = ask(prices, "gpt-5", tokens=Tokens(input_tokens=1000, output_tokens=0, cache_read=1000))
    assert cost[:5] == (125_000, 0, 125_000, 0, 0)


def test_counts_that_contradict_each_other_are_marked(prices: Prices) -> None:
    cost = ask(prices, "claude-sonnet-4-5", "anthropic", Tokens(input_tokens=10, output_tokens=0, cache_read=5000))
    assert cost[:5] == (3000, 0, 3000, 0, 0)
    assert (cost.confidence, cost.note) == ("assumed", "counts contradict each other")


def test_estimated_counts_are_no_better_than_estimated(prices: Prices) -> None:
    cost = ask(prices, "gpt-5", tokens=TOKENS._replace(output_source="estimated"))
    assert same(cost, ask(prices, "gpt-5"))
    assert (cost.confidence, cost.note) == ("estimated", "tokens are estimated")
    assert ask(prices, "gpt-5", tokens=UNKNOWN)[:5] == (None,) * 5
    assert ask(prices, "gpt-5", tokens=Tokens(input_tokens=5, output_source="unknown")).nano_usd is None


def test_free_models_are_0_and_say_so(prices: Prices) -> None:
    cost = ask(prices, "gemma-3-27b-it", "gcp.gemini", CACHED)
    assert (cost.nano_usd, cost.source, cost.confidence, cost.note) == (0, "genai-prices", "listed", "listed as free")


def test_one_price_per_moment(prices: Prices) -> None:
    assert ask(prices, "gpt-5.6-sol", at=AT).nano_usd == 1000 * 4000 + 100 * 20_000
    assert ask(prices, "gpt-5.6-sol", at=1787270399.0).nano_usd == 1000 * 5000 + 100 * 30_000
    assert ask(prices, "gpt-5.6-sol", at=1787270400.0).nano_usd == 1000 * 4000 + 100 * 20_000  # 2026-08-21


def test_nothing_raises(prices: Prices) -> None:
    for at in (-1e30, 1e30, float("nan")):
        assert isinstance(ask(prices, "gpt-5", at=at), Cost)
    for name in ("\ud800", "x" * 100_000, "/", ":", "a/b/c/d", "ft:", "arn:", "[", "*"):
        assert ask(prices, name, "openai", host=name).nano_usd is None
        assert ask(prices, "gpt-5", name, host=name).confidence in ("listed", "assumed")


def test_versions_are_said(prices: Prices) -> None:
    cost = ask(prices, "gpt-5")
    assert cost.source == "genai-prices"
    assert cost.version.startswith("0.2")
    assert "prices to 20" in cost.version


def test_importing_reads_no_price_list() -> None:
    code = (
        "import sys, tokeneff.prices as p; p.Prices(); "
        "print([m for m in ('genai_prices', 'pydantic', 'httpx', 'httpx2') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), 5.0, "5"])
@pytest.mark.parametrize("name", ["input_tokens", "cache_write_1h"])
def test_what_is_no_count_has_no_price(prices: Prices, name: str, wrong: object) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a whole number from 0, or None .* it is {wrong!r}"):
        ask(prices, "gpt-5", tokens=TOKENS._replace(**{name: wrong}))  # type: ignore[arg-type]
