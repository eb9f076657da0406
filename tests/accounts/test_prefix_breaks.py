"""Where a prompt's cached prefix broke, why, and what that cost: faults put into made-up sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from accounts_kit import Provider, tool, turns, words

from tokeneff.accounts import Account, Prefix

LINES = ["You are an agent.", "Be polite.", "It is {}.", *[words(line, 20) for line in range(40)]]
Body = dict[str, Any]


def body_of(dialect: str, turn: int, now: str = "Monday", tools: str = "abc") -> Body:
    """A request of about 2,000 tokens and more; turn by turn the same conversation."""
    system = "\n".join(LINES).format(now)
    schemas = [tool(name, dialect) for name in tools]
    if dialect == "messages":
        marked = [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]
        return {"system": marked, "messages": turns(turn), "tools": schemas}
    return {"messages": [{"role": "system", "content": system}, *turns(turn)], "tools": schemas}


def system_is(body: Body, change: Callable[[str], str]) -> Body:
    if "system" in body:
        return {**body, "system": [{**body["system"][0], "text": change(body["system"][0]["text"])}]}
    first, *rest = body["messages"]
    return {**body, "messages": [{**first, "content": change(first["content"])}, *rest]}


def head(body: Body) -> int:
    return 0 if "system" in body else 1


def edit(body: Body, index: int) -> Body:
    messages = list(body["messages"])
    messages[head(body) + index] = {**messages[head(body) + index], "content": "Something else."}
    return {**body, "messages": messages}


def drop(body: Body, start: int, end: int) -> Body:
    messages = list(body["messages"])
    del messages[head(body) + start : head(body) + end]
    return {**body, "messages": messages}


def put_in(body: Body, index: int) -> Body:
    messages = list(body["messages"])
    messages.insert(head(body) + index, {"role": "user", "content": "By the way …"})
    return {**body, "messages": messages}


def tools_are(names: str, about: str = "") -> Callable[[Body], Body]:
    def change(body: Body) -> Body:
        dialect = "messages" if "system" in body else "chat"
        return {**body, "tools": [tool(name, dialect, about if name == "b" else "") for name in names]}

    return change


SYSTEM_FAULTS = {
    "a line of the system prompt": (
        lambda body: system_is(body, lambda text: text.replace("polite", "curt")),
        ("system_changed", "system", 0, "system prompt differs at line 2"),
    ),
    "a timestamp in the system prompt": (
        lambda body: system_is(body, lambda text: text.replace("Monday", "2026-05-04T10:11:12Z")),
        ("system_changed", "system", 0, "system prompt differs at line 3: a timestamp"),
    ),
    "a date in the system prompt": (
        lambda body: system_is(body, lambda text: text.replace("Monday", "2026-05-04")),
        ("system_changed", "system", 0, "system prompt differs at line 3: a date"),
    ),
    "an id in the system prompt": (
        lambda body: system_is(body, lambda text: text + "\nTrace 5f0b2f2e-98a5-4f5e-9d3c-2f1a7c1b9f00"),
        ("system_changed", "system", 0, f"system prompt differs at line {len(LINES) + 1}: a UUID"),
    ),
}
TOOL_FAULTS = {
    "tools in another order": (
        tools_are("acb"),
        ("tools_reordered", "tools", 1, "tools are in another order from c on"),
    ),
    "a tool more": (tools_are("abcd"), ("tools_changed", "tools", 3, "tools added d")),
    "a tool more, first": (tools_are("dabc"), ("tools_changed", "tools", 0, "tools added d")),
    "a tool less": (tools_are("ac"), ("tools_changed", "tools", 1, "tools removed b")),
    "no tools": (tools_are(""), ("tools_changed", "tools", 0, "tools removed a, b, c")),
    "another tool": (tools_are("axc"), ("tools_changed", "tools", 1, "tools added x; removed b")),
    "a tool edited": (tools_are("abc", "new"), ("tools_changed", "tools", 1, "tools edited b")),
    "many more": (tools_are("abcdefgh"), ("tools_changed", "tools", 3, "tools added d, e, f and 2 more")),
}
MESSAGE_FAULTS = {
    "an early message": (lambda body: edit(body, 0), ("edited", "messages", 0, "message 1 (user) differs")),
    "an answer": (lambda body: edit(body, 3), ("edited", "messages", 3, "message 4 (assistant) differs")),
    "a message more": (lambda body: put_in(body, 2), ("edited", "messages", 2, "1 messages put in before message 3")),
    "the oldest are gone": (
        lambda body: drop(body, 0, 2),
        ("shortened", "messages", 0, "2 messages are gone from message 1 on"),
    ),
    "some in the middle are gone": (
        lambda body: drop(body, 2, 6),
        ("shortened", "messages", 2, "4 messages are gone from message 3 on"),
    ),
    "summed up": (
        lambda body: put_in(drop(body, 0, 6), 0),
        ("shortened", "messages", 0, "6 messages replaced by 1 from message 1 on"),
    ),
}
FAULTS = {**SYSTEM_FAULTS, **TOOL_FAULTS, **MESSAGE_FAULTS}
PROVIDERS = {"chat": ("gpt-4.1", "openai"), "messages": ("claude-sonnet-4-5", "anthropic")}


def total(account: Account) -> int:
    assert account.input is not None
    return sum(account.input)


def cached(dialect: str, before: int, tokens: int) -> dict[str, int]:
    """Usage of a call that read ``before`` tokens of ``tokens`` and, where that is said, wrote the rest."""
    return {"cache_read": before, **({"cache_write": tokens - before} if dialect == "messages" else {})}


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


AGES = [
    ("chat", {}, 250, "missed"),
    ("chat", {}, 400, "expired"),
    ("chat", {}, 4000, "expired"),
    ("chat", {"prompt_cache_retention": "24h"}, 400, "missed"),
    ("chat", {"prompt_cache_retention": "24h"}, 90_000, "expired"),
    ("messages", {}, 290, "missed"),
    ("messages", {}, 310, "expired"),
    ("messages", {"cache_control": {"type": "ephemeral", "ttl": "1h"}}, 3500, "missed"),
    ("messages", {"cache_control": {"type": "ephemeral", "ttl": "1h"}}, 3700, "expired"),
]


@pytest.mark.parametrize(("dialect", "more", "age", "cause"), AGES)
def test_a_whole_prefix_is_missed_while_young_and_expired_when_old(
    dialect: str, more: Body, age: float, cause: str
) -> None:
    model, name = PROVIDERS[dialect]
    provider = Provider(dialect, model, name)
    before = provider.call({**body_of(dialect, 5), **more}, **cached(dialect, 0, 2400))
    after = provider.call({**body_of(dialect, 6), **more}, after=age, **cached(dialect, 0, 4000))
    assert after.prefix is not None
    assert (after.prefix.cause, after.prefix.repeated) == (cause, total(before))
    assert after.prefix.lost == (2400 if dialect == "messages" else total(before) // 128 * 128)
    assert after.prefix.cost == after.prefix.lost * (2300 if dialect == "messages" else 1800)


def test_what_the_provider_read_all_the_same_has_not_expired() -> None:
    provider = Provider()
    before = provider.call(body_of("chat", 5), cache_read=0)
    after = provider.call(body_of("chat", 6), after=7200, cache_read=total(before) // 128 * 128)
    assert after.prefix == Prefix(total(before), "none", lost=0, cost=0)


def test_a_prefix_written_for_an_hour_lives_for_an_hour() -> None:
    provider = Provider("messages", "claude-sonnet-4-5", "anthropic")
    provider.call(body_of("messages", 5), cache_read=0, cache_write=2400, cache_write_1h=2400)
    after = provider.call(body_of("messages", 6), after=1800, cache_read=0, cache_write=2500, cache_write_1h=2500)
    assert after.prefix is not None
    assert (after.prefix.cause, after.prefix.cost) == ("missed", 2400 * 3800)  # written again at 4,000


def test_where_the_provider_does_not_say_what_it_read_nothing_is_claimed() -> None:
    provider = Provider()
    provider.call(body_of("chat", 5))
    young = provider.call(body_of("chat", 6))
    old = provider.call(body_of("chat", 7), after=4000)
    edited = provider.call(edit(body_of("chat", 8), 0))
    told = [(a.prefix.cause, a.prefix.lost, a.prefix.cost) for a in (young, old, edited) if a.prefix]
    assert told == [("none", 0, None), ("expired", 0, None), ("edited", 0, None)]


def test_below_the_least_size_that_is_cached_nothing_is_claimed() -> None:
    provider = Provider()
    small = {"messages": turns(2)}
    provider.call(small, input_tokens=1000, cache_read=0)
    after = provider.call({"messages": turns(3)}, input_tokens=1400, cache_read=0)
    assert after.prefix == Prefix(1000, "none", lost=0, cost=0)
    large = Provider()
    large.call(small, input_tokens=1400, cache_read=0)
    missed = large.call({"messages": turns(3)}, input_tokens=1800, cache_read=0).prefix
    assert missed == Prefix(
        1400, "missed", detail="the provider read 0 of 1280 repeated tokens", lost=1280, cost=1280 * 1800
    )


def test_an_edit_of_a_prompt_too_small_to_be_cached_costs_nothing() -> None:
    provider = Provider()
    provider.call({"messages": turns(4)}, input_tokens=1000, cache_read=0)
    messages = [{"role": "user", "content": "Something else."}, *turns(5)[1:]]
    prefix = provider.call({"messages": messages}, input_tokens=1400, cache_read=0).prefix
    assert prefix is not None
    assert (prefix.cause, prefix.lost, prefix.cost) == ("edited", 0, 0)


def test_what_was_read_before_is_as_much_in_the_cache_as_what_was_written() -> None:
    provider = Provider("messages", "claude-sonnet-4-5", "anthropic")
    provider.call(body_of("messages", 5), input_tokens=3000, cache_read=0, cache_write=2400)
    provider.call(body_of("messages", 6), input_tokens=3200, cache_read=2400, cache_write=300)
    after = provider.call(body_of("messages", 7), input_tokens=3400, cache_read=0, cache_write=3000)
    detail = "the provider read 0 of 2700 repeated tokens"
    assert after.prefix == Prefix(3200, "missed", detail=detail, lost=2700, cost=2700 * 2300)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_prompt_under_way_need_not_be_in_the_cache_yet(order: tuple[int, int]) -> None:
    provider = Provider()
    opened = [provider.open(body_of("chat", 5)) for _ in range(2)]
    told = {which: provider.close(opened[which], input_tokens=3000, cache_read=0).prefix for which in order}
    assert [prefix and (prefix.cause, prefix.lost) for prefix in (told[0], told[1])] == [("first", 0), ("none", 0)]
    third = provider.call(body_of("chat", 5), input_tokens=3000, cache_read=0)
    assert third.prefix is not None
    assert (third.prefix.cause, third.prefix.lost) == ("missed", 3000 // 128 * 128)


def test_anthropic_without_a_breakpoint_costs_what_one_would_have_saved() -> None:
    provider = Provider("messages", "claude-sonnet-4-5", "anthropic")
    plain = {**body_of("messages", 5), "system": words(1, 2000)}
    more = {**plain, "messages": turns(6)}
    last = {**plain, "messages": turns(7)}
    provider.call(plain, input_tokens=10_000, cache_read=0, cache_write=0)
    second = provider.call(more, input_tokens=10_500, cache_read=0, cache_write=0)
    third = provider.call(last, input_tokens=11_000, cache_read=0, cache_write=0)
    why = "no cache_control breakpoint was set"
    # Reads instead of input save 1,800 a token; writing what is new, and once the first request, costs 500 more.
    saved = 10_000 * 1800 - (500 + 10_000) * 500
    assert second.prefix == Prefix(10_000, "missed", detail=why, lost=10_000, cost=saved)
    assert third.prefix == Prefix(10_500, "missed", detail=why, lost=10_500, cost=10_500 * 1800 - 500 * 500)


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
