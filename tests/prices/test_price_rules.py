"""Rules that hold for every model and every usage."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokeneff._flow import Tokens
from tokeneff.prices import Cost, Prices
from tokeneff.prices._rates import Quote, Sheet

AT = 1795132800.0
PRICES = Prices()
MODELS = (
    ("gpt-5", "openai", None),
    ("gpt-5", "openai", "flex"),
    ("gpt-5.6-sol", "openai", None),
    ("gpt-4o-mini", "openai", "batch"),
    ("gpt-audio", "openai", None),
    ("gpt-4-turbo", "openai", None),
    ("claude-sonnet-4-5", "anthropic", None),
    ("claude-haiku-5-5", "anthropic", "batch"),
    ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock", None),
    ("gemini-2.5-pro", "gcp.gemini", None),
    ("gemini-2.5-flash-lite", "gcp.gemini", None),
    ("deepseek-v4-pro", "deepseek", None),
    ("gemma-3-27b-it", "gcp.gemini", None),
)
COUNTS = st.integers(0, 2_000_000)


@st.composite
def usages(draw: st.DrawFn) -> Tokens:
    """Usages whose parts fit into their totals, as providers give them."""
    total, out = draw(COUNTS), draw(COUNTS)
    read = draw(st.integers(0, total))
    write = draw(st.integers(0, total - read))
    audio = draw(st.integers(0, total))
    return Tokens(
        input_tokens=total,
        output_tokens=out,
        cache_read=read,
        cache_write=write,
        cache_write_1h=draw(st.integers(0, write)),
        reasoning=draw(st.integers(0, out)),
        audio_input=audio,
        audio_cache_read=draw(st.none() | st.integers(0, min(audio, read))),
        audio_output=draw(st.integers(0, out)),
    )


def cost(tokens: Tokens, model: str, provider: str, tier: str | None) -> Cost:
    return PRICES.cost(tokens, model=model, provider=provider, tier=tier, at=AT)


def parts(one: Cost) -> tuple[int, int, int, int]:
    assert one.input is not None
    assert one.cache_read is not None
    assert one.cache_write is not None
    assert one.output is not None
    return one.input, one.cache_read, one.cache_write, one.output


@given(usages(), st.sampled_from(MODELS))
@settings(max_examples=60, deadline=None)
def test_parts_are_integers_that_sum_to_the_total(tokens: Tokens, model: tuple[str, str, str | None]) -> None:
    one = cost(tokens, *model)
    assert all(type(part) is int and part >= 0 for part in (*parts(one), one.nano_usd))
    assert sum(parts(one)) == one.nano_usd


@given(usages(), st.sampled_from(MODELS), st.integers(0, 300_000), st.integers(0, 300_000))
@settings(max_examples=60, deadline=None)
def test_more_tokens_never_cost_less(
    tokens: Tokens, model: tuple[str, str, str | None], more_in: int, more_out: int
) -> None:
    assert tokens.input_tokens is not None
    assert tokens.output_tokens is not None
    more = tokens._replace(input_tokens=tokens.input_tokens + more_in, output_tokens=tokens.output_tokens + more_out)
    small, large = cost(tokens, *model), cost(more, *model)
    assert small.nano_usd is not None
    assert large.nano_usd is not None
    assert large.nano_usd >= small.nano_usd


@given(st.lists(usages(), min_size=1, max_size=6), st.sampled_from(["gpt-5", "gpt-5-nano", "claude-opus-4-5"]))
@settings(max_examples=50, deadline=None)
def test_costs_of_parts_of_a_usage_sum_to_the_cost_of_the_whole(usages: list[Tokens], model: str) -> None:
    """Where a token's price is a whole number of nano-dollars and no length changes it: exactly."""
    provider = "anthropic" if model.startswith("claude") else "openai"
    pieces = [t._replace(audio_input=None, audio_output=None, audio_cache_read=None) for t in usages]
    whole = Tokens(*(sum(t[index] or 0 for t in pieces) for index in range(len(Tokens._fields) - 2)))
    alone = [parts(cost(piece, model, provider, None)) for piece in pieces]
    assert parts(cost(whole, model, provider, None)) == tuple(map(sum, zip(*alone, strict=True)))


RATES = st.fractions(0, 1000, max_denominator=1000)


@given(st.tuples(RATES, RATES, RATES, RATES), usages())
@settings(max_examples=60, deadline=None)
def test_rounding_is_by_largest_remainder(rates: tuple[Fraction, ...], tokens: Tokens) -> None:
    kinds = ("input", "cache_read", "cache_write", "output")
    sheet = Sheet(Quote({**dict(zip(kinds, rates, strict=True)), "cache_write_1h": rates[2]}, one_price=True))
    assert tokens.input_tokens is not None
    assert tokens.cache_read is not None
    assert tokens.cache_write is not None
    assert tokens.output_tokens is not None
    fresh = tokens.input_tokens - tokens.cache_read - tokens.cache_write
    counts = (fresh, tokens.cache_read, tokens.cache_write, tokens.output_tokens)
    exact = [count * rate for count, rate in zip(counts, rates, strict=True)]
    plain = tokens._replace(audio_input=None, audio_output=None, audio_cache_read=None)
    one = sheet.cost(plain)
    assert one.nano_usd == (2 * sum(exact) + 1) // 2
    assert all(abs(part - true) < 1 for part, true in zip(parts(one), exact, strict=True))
    assert sum(parts(one)) == one.nano_usd


APART = Sheet(
    Quote(
        {
            kind: Fraction(rate)
            for kind, rate in {
                "input": 1_000,
                "cache_read": 100,
                "cache_write": 1_250,
                "cache_write_1h": 2_000,
                "output": 5_000,
                "input_audio": 3_000,
                "cache_read_audio": 300,
                "input_image": 7_000,
                "cache_read_image": 700,
            }.items()
        }
    )
)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        # What is written is within what was not read; what is kept for an hour, within what is written.
        (Tokens(1000, 0, 600, 800), (0, 600 * 100, 400 * 1_250, 0)),
        (Tokens(1000, 0, 600, 800, cache_write_1h=900), (0, 600 * 100, 400 * 2_000, 0)),
        (Tokens(1000, 0, 0, 300, cache_write_1h=400), (700 * 1_000, 0, 300 * 2_000, 0)),
        # More of images and audio than there is: the images first.
        (Tokens(1000, 0, image_input=600, audio_input=600), (600 * 7_000 + 400 * 3_000, 0, 0, 0)),
        # 500 are text, and all that was read may be: what was written is no audio that was read.
        (Tokens(1000, 0, 500, 300, audio_input=500), (200 * 3_000, 500 * 100, 300 * 1_250, 0)),
    ],
)
def test_counts_are_kept_within_each_other(tokens: Tokens, expected: tuple[int, ...]) -> None:
    assert parts(APART.cost(tokens)) == expected


@given(st.text(max_size=30), st.text(max_size=12), st.text(max_size=20), usages())
@settings(max_examples=50, deadline=None)
def test_what_is_not_known_is_never_0(model: str, provider: str, host: str, tokens: Tokens) -> None:
    one = PRICES.cost(tokens, model=model, provider=provider, host=host, at=AT)
    if one.confidence == "unknown":
        assert one[:5] == (None,) * 5
        assert one.note
    else:
        assert one.nano_usd is not None
        assert one.source != "unknown"


def test_a_listed_cached_read_is_never_dearer_than_input() -> None:
    """Over the whole of the price lists that the wrapped clients talk to."""
    from genai_prices.data import providers

    names = {"openai": "openai", "anthropic": "anthropic", "google": "gcp.gemini", "aws": "aws.bedrock"}
    seen = 0
    for listing in providers:
        for model in listing.models if listing.id in names else ():
            for length in (0, 150_000, 250_000, 300_000):
                rates = PRICES.rates(model.id, names[listing.id], at=AT, input_tokens=length)
                if rates is None:
                    continue
                seen += 1
                assert rates.cache_read <= rates.input, (model.id, rates)
                assert rates.cache_write_1h >= rates.cache_write, (model.id, rates)
    assert seen > 400


@pytest.mark.parametrize(("nano", "micro"), [(0, 0), (499, 0), (500, 1), (1499, 1), (1500, 2), (None, None)])
def test_micro_dollars_are_rounded_half_up(nano: int | None, micro: int | None) -> None:
    assert Cost(nano).micro_usd == micro
