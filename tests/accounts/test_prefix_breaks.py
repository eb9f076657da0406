"""Where a prompt's prefix broke, why, and what that cost: faults put into made-up sessions."""

from __future__ import annotations

import pytest
from accounts_kit import Provider, turns, words
from prefix_faults import FAULTS, PROVIDERS, Body, body_of, cached, total

from tokeneff.accounts import Prefix


@pytest.mark.parametrize("dialect", PROVIDERS)
@pytest.mark.parametrize("named", [None, "mine"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault: str, named: str | None, dialect: str) -> None:
    model, name = PROVIDERS[dialect]
    provider = Provider(dialect, model, name, named)
    change, expected = FAULTS[fault]
    provider.call(body_of(dialect, 5), **cached(dialect, 0, 4000))
    broken = provider.call(change(body_of(dialect, 6)), **cached(dialect, 0, 4000))
    prefix = broken.prefix
    assert prefix is not None
    assert (prefix.cause, prefix.part, prefix.position, prefix.detail) == expected
    assert prefix.lost > 1000
    assert prefix.cost
    repaired = provider.call(change(body_of(dialect, 7)), **cached(dialect, total(broken), 4000))
    assert repaired.prefix is not None
    assert (repaired.prefix.cause, repaired.prefix.lost, repaired.prefix.cost) == ("none", 0, 0)
    assert repaired.session == broken.session


@pytest.mark.parametrize("dialect", PROVIDERS)
def test_another_model_reads_nothing_of_the_first_ones_cache(dialect: str) -> None:
    model, name = PROVIDERS[dialect]
    provider = Provider(dialect, model, name)
    before = provider.call(body_of(dialect, 5), **cached(dialect, 0, 4000))
    after = provider.call(body_of(dialect, 6), model=f"{model}-next", **cached(dialect, 0, 4000))
    sent = total(before) if dialect == "messages" else total(before) // 128 * 128
    # Anthropic wrote it all again at 2,500, OpenAI took it as input at 2,000; a cached read is 200.
    each = 2300 if dialect == "messages" else 1800
    lost = min(sent, 4000) if dialect == "messages" else sent
    detail = f"{model} before, {model}-next now"
    assert after.prefix == Prefix(total(before), "model_changed", None, None, detail, lost, lost * each)


def test_the_price_of_a_timestamp_at_the_head_of_a_long_conversation() -> None:
    provider = Provider()
    before = provider.call(body_of("chat", 20, "2026-05-04 10:00"), input_tokens=8000, cache_read=0)
    after = provider.call(body_of("chat", 21, "2026-05-04 10:01"), input_tokens=8400, cache_read=0)
    assert before.input is not None
    assert after.prefix is not None
    assert after.prefix.cause == "system_changed"
    # All but one of the 43 lines of the system prompt was sent before: in steps of 128 tokens, at 2,000 - 200.
    assert after.input is not None
    assert abs(after.prefix.lost - (8000 - before.input.system / 43)) < 200
    assert after.prefix.lost % 128 == 0
    assert after.prefix.cost == after.prefix.lost * 1800
    assert after.prefix.repeated == after.input.tools


def test_sessions_that_begin_alike_should_read_each_others_head() -> None:
    provider = Provider("messages", "claude-sonnet-4-5", "anthropic")
    system = [{"type": "text", "text": words(1, 4000)}]
    accounts = [
        provider.call(
            {"system": system, "messages": [{"role": "user", "content": words(n + 9, 10)}]}, cache_read=0, cache_write=0
        )
        for n in range(2)
    ]
    prefix = accounts[1].prefix
    assert prefix is not None
    assert accounts[0].session != accounts[1].session
    assert (prefix.cause, prefix.lost) == ("first", prefix.repeated)
    assert prefix.repeated > 4000
    assert prefix.detail == (
        f"begins with {prefix.lost} tokens of another session: no cache_control breakpoint was set"
    )
    late = {"system": system, "messages": [{"role": "user", "content": words(11, 10)}]}
    old = provider.call(late, after=400, cache_read=0, cache_write=0).prefix
    assert old is not None
    assert (old.cause, old.repeated, old.lost) == ("first", prefix.repeated, 0)


def test_a_date_in_the_system_prompt_of_single_questions() -> None:
    provider = Provider()
    system = "Today is 2026-05-{:02}.\n" + "\n".join(words(line, 30) for line in range(99))
    accounts = [
        provider.call(
            {"messages": [{"role": "system", "content": system.format(n + 1)}, *turns(1, seed=n)]},
            input_tokens=6000,
            cache_read=0,
        )
        for n in range(2)
    ]
    assert accounts[0].session != accounts[1].session
    lines, step = accounts[1].input, 128
    assert lines is not None
    lost = lines.system * 99 // 100 // step * step
    why = "system prompt differs at line 1: a date"
    assert accounts[1].prefix == Prefix(0, "first", "system", 0, why, lost, lost * 1800)


def test_a_history_that_the_provider_cut_itself() -> None:
    provider = Provider()
    provider.call(body_of("chat", 30), input_tokens=20_000, cache_read=0)
    after = provider.call(body_of("chat", 31), input_tokens=9_000, cache_read=2_048)
    detail = "all is repeated, and the provider counted 9000 tokens after 20000"
    assert after.prefix == Prefix(2_048, "shortened", "messages", None, detail)


def test_a_mark_that_moves_is_no_edit() -> None:
    provider = Provider("messages", "claude-sonnet-4-5", "anthropic")

    def marked(turn: int) -> Body:
        *before, last = turns(turn)
        block = {"type": "text", "text": last["content"], "cache_control": {"type": "ephemeral"}}
        return {"system": words(1, 2000), "messages": [*before, {"role": "user", "content": [block]}]}

    first = provider.call(marked(3), cache_read=0, cache_write=4000)
    second = provider.call(marked(4), cache_read=total(first), cache_write=100)
    assert second.prefix == Prefix(total(first), "none", cost=0)
