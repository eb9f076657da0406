"""``usage()``: what a client has used so far."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import OpenAI

import tokeneff
from tokeneff import Latency, Total, UnsupportedClient, Usage
from tokeneff._flow import UNKNOWN, Attempt, Facts, Failure, Outcome, Tokens
from tokeneff.testing import FakeProvider, Reply, faults
from tokeneff.testing import Usage as Counts
from tokeneff.totals import OTHER, Totals

ASKED: list[Any] = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as made:
        yield made


@pytest.fixture
def client(provider: FakeProvider) -> Iterator[Any]:
    with OpenAI(base_url=provider.openai_url, api_key="k", max_retries=1) as made:
        yield tokeneff.wrap(made)


def a_call(model: Any = "m", tags: dict[str, Any] | None = None, *, of_model: bool = True) -> Any:
    return SimpleNamespace(
        body={"model": model} if model else {},
        endpoint=SimpleNamespace(model=of_model, operation="files.list"),
        tags=tags or {},
    )


SOME = Tokens(1, 2)


def outcome(seconds: float = 1.0, tokens: Tokens = SOME, **more: Any) -> Outcome:
    return Outcome(**({"ending": "read", "started": 10.0, "ended": 10.0 + seconds, "tokens": tokens} | more))


def test_calls_tokens_errors_and_retries_by_model_and_tag(provider: FakeProvider, client: Any) -> None:
    usage = Counts(input_tokens=100, output_tokens=20, cache_read=60, cache_write=15, reasoning=5)
    provider.queue(
        Reply(text="a", usage=usage, model="one"),
        faults.rate_limit(retry_after=0.001),
        Reply(text="b", usage=usage, model="two"),
        faults.bad_request("no"),
    )
    with tokeneff.tag(feature="f"):
        client.chat.completions.create(model="m", messages=ASKED)
    client.chat.completions.create(model="m", messages=ASKED)
    with pytest.raises(Exception, match="no"):
        client.chat.completions.create(model="m", messages=ASKED)
    client.models.list()

    found = tokeneff.usage(client)
    counts = {"input_tokens": 100, "output_tokens": 20, "cache_read": 60, "cache_write": 15, "reasoning": 5}
    assert {name: plain(total) for name, total in found.models.items()} == {
        "one": {"calls": 1, **counts},
        "two": {"calls": 1, "retries": 1, **counts},
        "m": {"calls": 1, "errors": 1, "unknown": 1},
        "models.list": {"calls": 1},
    }
    doubled = {name: 2 * value for name, value in counts.items()}
    assert plain(found.total) == {"calls": 4, "errors": 1, "retries": 1, "unknown": 1, **doubled}
    assert {key: {name: plain(total) for name, total in values.items()} for key, values in found.tags.items()} == {
        "feature": {"f": {"calls": 1, **counts}}
    }


def plain(total: Total) -> dict[str, Any]:
    """Its counts that are not zero."""
    names = ("calls", "errors", "cut", "retries", "estimated", "unknown")
    kinds = ("input_tokens", "output_tokens", "cache_read", "cache_write", "reasoning")
    return {name: getattr(total, name) for name in (*names, *kinds) if getattr(total, name)}


def test_copies_count_together_and_another_wrapping_counts_apart(provider: FakeProvider, client: Any) -> None:
    client.with_options(timeout=5).chat.completions.create(model="m", messages=ASKED)
    other = tokeneff.wrap(tokeneff.unwrap(client))
    other.chat.completions.create(model="m", messages=ASKED)
    other.chat.completions.create(model="m", messages=ASKED)

    assert (tokeneff.usage(client).total.calls, tokeneff.usage(other).total.calls) == (1, 2)


def test_what_was_given_stays_as_it_was(client: Any) -> None:
    before = tokeneff.usage(client)
    client.chat.completions.create(model="m", messages=ASKED)

    assert before == Usage()
    assert tokeneff.usage(client).total.calls == 1
    with pytest.raises(FrozenInstanceError):
        before.total.calls = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        tokeneff.usage(client).models["m"] = Total()  # type: ignore[index]


def test_a_bare_client_has_no_totals(client: Any) -> None:
    with pytest.raises(UnsupportedClient):
        tokeneff.usage(tokeneff.unwrap(client))


ENDINGS = {
    "read": {},
    "failed": {"errors": 1},
    "refused": {"errors": 1},
    "broken_off": {"cut": 1},
    "dropped": {"cut": 1},
    "cancelled": {"cut": 1},
}


@pytest.mark.parametrize(("ending", "wanted"), ENDINGS.items())
def test_how_endings_are_counted(ending: Any, wanted: dict[str, int]) -> None:
    totals = Totals()
    totals.add(a_call(), outcome(ending=ending, failure=Failure("x") if ending == "failed" else None))

    assert plain(totals.frozen().total) == {"calls": 1, "input_tokens": 1, "output_tokens": 2, **wanted}


def test_estimates_are_marked_and_what_nobody_knows_is_said() -> None:
    totals = Totals()
    totals.add(a_call("guessed"), outcome(tokens=Tokens(7, 3, output_source="estimated")))
    totals.add(a_call("blind"), outcome(tokens=UNKNOWN))
    totals.add(a_call(None, of_model=False), outcome(tokens=UNKNOWN))

    found = totals.frozen()
    assert {name: plain(total) for name, total in found.models.items()} == {
        "guessed": {"calls": 1, "estimated": 1, "input_tokens": 7, "output_tokens": 3},
        "blind": {"calls": 1, "unknown": 1},
        "files.list": {"calls": 1},
    }
    assert str(found).splitlines()[-1] == (
        "calls whose tokens are estimated (~): 1, unknown: 1; the rest are the provider's counts"
    )


def test_the_table() -> None:
    totals = Totals()
    tokens = Tokens(1200, 34, cache_read=1000, reasoning=4)
    for _ in range(3):
        totals.add(a_call("gpt", {"feature": "f"}), outcome(0.5, tokens, attempts=(Attempt(1, "429"),)))

    lines = str(totals.frozen()).splitlines()
    assert [line.split() for line in lines] == [
        ["model", "calls", "errors", "input", "cached", "output", "reasoning", "cost", "$", "p50", "s", "p99", "s"],
        ["gpt", "3", "0", "3,600", "3,000", "102", "12", "0", "0.50", "0.50"],
        ["total", "3", "0", "3,600", "3,000", "102", "12", "0", "0.50", "0.50"],
        [],
        ["feature", "calls", "errors", "input", "cached", "output", "reasoning", "cost", "$", "p50", "s", "p99", "s"],
        ["f", "3", "0", "3,600", "3,000", "102", "12", "0", "0.50", "0.50"],
    ]
    widths = {len(line) for line in lines if line}
    assert len(widths) == 2  # one for each of the two tables


def test_an_empty_table_is_a_table() -> None:
    assert str(Usage()).splitlines()[0].split()[:2] == ["model", "calls"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0.0002, 500), min_size=1, max_size=200))
def test_percentiles_are_within_a_bucket_of_the_truth(seconds: list[float]) -> None:
    totals = Totals()
    for value in seconds:
        totals.add(a_call(), outcome(value))

    ordered = sorted(outcome(value).seconds for value in seconds)
    found = totals.frozen().total.latency
    assert found.count == len(seconds)
    assert found.mean == pytest.approx(sum(seconds) / len(seconds))
    assert found.max == pytest.approx(ordered[-1])
    for share, told in ((0.5, found.p50), (0.9, found.p90), (0.99, found.p99)):
        rank = min(len(ordered) - 1, -(-len(ordered) * round(share * 100) // 100) - 1)
        assert told == pytest.approx(ordered[rank], rel=0.03)


def test_times_to_the_first_chunk_are_those_of_streams() -> None:
    totals = Totals()
    totals.add(a_call(), outcome(2.0, first_chunk=10.5))
    totals.add(a_call(), outcome(2.0))

    assert totals.frozen().total.first_chunk.count == 1
    assert totals.frozen().total.first_chunk.p50 == pytest.approx(0.5, rel=0.03)
    assert Totals().frozen().total.first_chunk == Latency()


def test_models_and_tags_without_end_end_up_as_others() -> None:
    totals = Totals()
    for number in range(2_000):
        totals.add(a_call(f"m{number}", {"user": number, f"key{number}": "x"}), outcome())

    found = totals.frozen()
    assert len(found.models) <= 501
    assert found.models[OTHER].calls == 2_000 - (len(found.models) - 1)
    assert sum(len(values) for values in found.tags.values()) <= 1_100
    assert found.total.calls == 2_000


def test_many_threads_lose_no_call() -> None:
    totals = Totals()
    spread = random.Random(1)
    models = [f"m{spread.randrange(5)}" for _ in range(1_000)]

    def work() -> None:
        for model in models:
            totals.add(a_call(model, {"t": model}), outcome(facts=Facts(model=model)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = totals.frozen()
    assert (found.total.calls, found.total.output_tokens) == (4_000, 8_000)
    assert {name: total.calls for name, total in found.models.items()} == {
        name: total.calls for name, total in found.tags["t"].items()
    }
