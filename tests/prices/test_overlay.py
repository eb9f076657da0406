"""A file of prices: what it can say, and what is said of one that is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tokeneff._flow import Tokens
from tokeneff.errors import PricesError, TokeneffError
from tokeneff.prices import Cost, Prices

AT = 1795132800.0  # 2026-11-20
TOKENS = Tokens(input_tokens=1000, output_tokens=100, cache_read=600)


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Prices:
        path = tmp_path / "prices.toml"
        path.write_text(text, "utf-8")
        return Prices(path)

    return write


def ask(prices: Prices, model: str, provider: str = "openai", **more: object) -> Cost:
    return prices.cost(more.pop("tokens", TOKENS), model=model, provider=provider, **{"at": AT, **more})  # type: ignore[arg-type]


def test_a_price_of_ones_own_wins(write) -> None:
    prices = write('version = "7"\n[[model]]\nname = "gpt-5*"\ninput = 1.0\ncache_read = 0.1\noutput = 8\n')
    assert ask(prices, "gpt-5-mini") == Cost(
        400 * 1000 + 600 * 100 + 100 * 8000, 400_000, 60_000, 0, 800_000, "prices.toml", "7", "listed", ""
    )
    assert ask(prices, "gpt-4o").source == "genai-prices"
    rates = prices.rates("gpt-5", "openai", at=AT)
    assert rates is not None
    assert (rates.input, rates.source) == (1000, "prices.toml")


def test_decimals_are_exact(write) -> None:
    prices = write('[[model]]\nname = "m"\ninput = 0.1\noutput = 0.3\n')
    assert ask(prices, "m", tokens=Tokens(input_tokens=3, output_tokens=1)).nano_usd == 3 * 100 + 300


def test_self_hosted_models_can_be_priced_or_free(write) -> None:
    prices = write(
        '[[model]]\nname = "qwen*"\nprovider = "ollama"\nfree = true\n'
        '[[model]]\nname = "meta-llama/*"\nhost = "vllm.internal"\ninput = 0.05\noutput = 0.05\n'
    )
    assert ask(prices, "qwen3:8b", "ollama", host="localhost:11434")[:1] == (0,)
    assert ask(prices, "qwen3:8b", "ollama", host="localhost:11434").confidence == "listed"
    hosted = ask(prices, "meta-llama/Llama-3.1-8B-Instruct", host="vllm.internal:8000")
    assert hosted[:5] == (55_000, 20_000, 30_000, 0, 5_000)
    assert hosted.confidence == "assumed"  # for the cached reads that it gives no price for
    assert ask(prices, "meta-llama/Llama-3.1-8B-Instruct", host="other.internal:8000").nano_usd is None


def test_a_discount_multiplies_what_is_listed(write) -> None:
    prices, listed = write('[[model]]\nname = "*"\nprovider = "openai"\nmultiplier = 0.85\n'), Prices()
    for tier in (None, "flex", "batch"):
        mine, theirs = ask(prices, "gpt-5", tier=tier), ask(listed, "gpt-5", tier=tier)
        assert mine.nano_usd is not None
        assert theirs.nano_usd is not None
        assert mine.nano_usd == theirs.nano_usd * 85 // 100
        assert (mine.source, mine.confidence) == ("prices.toml", "listed")
    assert ask(prices, "claude-opus-4-5", "anthropic") == ask(listed, "claude-opus-4-5", "anthropic")
    assert ask(prices, "gpt-99").nano_usd is None


def test_dates_steps_tiers_and_the_last_table_wins(write) -> None:
    prices = write(
        '[[model]]\nname = "m"\ninput = 1\noutput = 2\ncache_read = 1\n'
        "steps = [{ above = 999, input = 3, output = 4 }]\n"
        '[[model]]\nname = "m"\nfrom = 2026-12-01\nuntil = 2026-12-02\ninput = 5\noutput = 6\ncache_read = 5\n'
        '[[model]]\nname = "m"\ntier = "batch"\ninput = 0.5\noutput = 1\ncache_read = 0.5\n'
    )
    small, large = Tokens(input_tokens=999, output_tokens=1), Tokens(input_tokens=1000, output_tokens=1)
    assert ask(prices, "m", tokens=small).nano_usd == 999_000 + 2000
    assert ask(prices, "m", tokens=large).nano_usd == 3_000_000 + 4000
    assert ask(prices, "m", tokens=small, at=1796083200.0).nano_usd == 999 * 5000 + 6000  # 2026-12-01
    assert ask(prices, "m", tokens=small, at=1796169600.0).nano_usd == 999_000 + 2000
    assert ask(prices, "m", tokens=small, batch=True).nano_usd == 999 * 500 + 1000
    flex = ask(prices, "m", tokens=small, tier="flex")
    assert (flex.nano_usd, flex.confidence) == (999_000 + 2000, "assumed")
    assert "no flex price in prices.toml" in flex.note


def test_single_prices_are_added_to_what_is_listed(write) -> None:
    prices = write('[[model]]\nname = "gpt-4-turbo"\ncache_read = 5\n')
    assert ask(prices, "gpt-4-turbo")[:5] == (
        400 * 10_000 + 600 * 5000 + 100 * 30_000,
        4_000_000,
        3_000_000,
        0,
        3_000_000,
    )
    assert ask(prices, "gpt-4-turbo").confidence == "listed"


def test_single_prices_are_those_of_long_calls_too(write) -> None:
    prices, listed = write('[[model]]\nname = "gpt-5.6-sol"\ncache_read = 7\n'), Prices()
    for total in (1_000, 900_000):
        mine, theirs = (ask(each, "gpt-5.6-sol", tokens=Tokens(total, 0, 600)) for each in (prices, listed))
        assert (mine.input, mine.cache_read) == (theirs.input, 600 * 7_000)


def test_a_price_of_either_side_alone_is_all_that_there_is(write) -> None:
    prices = write('[[model]]\nname = "gpt-5"\noutput = 3\n[[model]]\nname = "gpt-4o"\ninput = 3\n')
    for model in ("gpt-5", "gpt-4o"):
        assert ask(prices, model).nano_usd is None
    assert ask(prices, "gpt-4o", tokens=Tokens(10, 0)).nano_usd == 30_000


def test_a_price_of_0_is_a_price(write) -> None:
    assert ask(write('[[model]]\nname = "m"\ninput = 0\ncache_read = 0\noutput = 0\n'), "m").nano_usd == 0


def test_the_file_is_found_by_the_environment_and_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[[model]]\nname = "m"\nfree = true\n', "utf-8")
    os.utime(path, (1_790_000_000, 1_790_000_000))
    monkeypatch.setenv("TOKENEFF_PRICES", str(path))
    prices = Prices()
    path.unlink()
    cost = ask(prices, "m")
    assert (cost.nano_usd, cost.source, cost.version) == (0, "mine.toml", "2026-09-21")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[model]\n", "no valid TOML"),
        ("[gpt-5]\ninput = 1\n", "unknown key 'gpt-5'; write [[model]] tables"),
        ("[model]\nname = 'm'\n", "two brackets"),
        ("[[model]]\ninput = 1\n", "number 1: name: write the model's name"),
        ("[[model]]\nname = []\ninput = 1\n", "name: write the model's name"),
        ("[[model]]\nname = 'm'\n", "(m): input: give prices in dollars per million tokens"),
        ("[[model]]\nname = 'm'\ninput = '1.25'\n", "input: is '1.25'; write a number"),
        ("[[model]]\nname = 'm'\ninput = -1\n", "input: is -1; write a number that is not negative"),
        ("[[model]]\nname = 'm'\ninput = true\n", "input: is True"),
        ("[[model]]\nname = 'm'\ninput = nan\n", "write a number"),
        ("[[model]]\nname = 'm'\nmultiplier = inf\n", "multiplier"),
        ("[[model]]\nname = 'm'\ninputs = 1\n", "inputs: is unknown; known are: cache_read"),
        ("[[model]]\nname = 'm'\nfree = 1\n", "free: write true or false"),
        ("[[model]]\nname = 'm'\nfree = true\ninput = 1\n", "free: leave it out"),
        ("[[model]]\nname = 'm'\ninput = 1\nfrom = '2026-01-01'\n", "from: write a date without quotes"),
        ("[[model]]\nname = 'm'\ninput = 1\nprovider = 3\n", "provider: write text"),
        ("[[model]]\nname = 'm'\ninput = 1\nsteps = 3\n", "steps: write tables"),
        ("[[model]]\nname = 'm'\ninput = 1\nsteps = [{ input = 3 }]\n", "steps.above: write a number"),
        ("[[model]]\nname = 'm'\ninput = 1\nsteps = [{ above = 1, x = 3 }]\n", "steps.x: is unknown"),
        ("[[model]]\nname = 'm'\nmultiplier = 2\nsteps = [{ above = 1, input = 3 }]\n", "steps: give input"),
    ],
)
def test_a_wrong_file_is_refused_with_what_to_write(write, text: str, said: str) -> None:
    with pytest.raises(PricesError) as caught:
        write(text)
    assert said in str(caught.value)
    assert "prices.toml" in str(caught.value)
    assert isinstance(caught.value, (TokeneffError, ValueError))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PricesError, match=r"none\.toml: cannot be read"):
        Prices(tmp_path / "none.toml")


def test_sizes_of_ones_own(write) -> None:
    prices = write(
        '[[model]]\nname = "m*"\ncontext_window = 8_000\nmax_output = 500\n'
        '[[model]]\nname = "m-long"\nprovider = "vllm"\ncontext_window = 64_000\nuntil = 2027-01-01\n'
    )
    assert prices.sizes("m-1", "vllm", at=AT) == (8_000, 500)
    assert prices.sizes("m-long", "vllm", at=AT) == (64_000, 500)
    assert prices.sizes("m-long", "ollama", at=AT) == (8_000, 500)
    assert prices.sizes("m-long", "vllm", at=AT + 40 * 86_400 * 3) == (8_000, 500)
    assert prices.sizes("gpt-5", "openai", at=AT) == Prices().sizes("gpt-5", "openai") == (None, None)
    assert ask(prices, "m-1", "vllm").nano_usd is None


@pytest.mark.parametrize("value", ["0", "-1", "1.5", '"8k"', "true", "200_000_000"])
def test_sizes_that_are_none(write, value: str) -> None:
    with pytest.raises(PricesError, match=r"max_output: is .*write a whole number of tokens, as max_output = 32_768"):
        write(f'[[model]]\nname = "m"\nmax_output = {value}\n')
