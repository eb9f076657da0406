"""What each provider's cache makes of a request, by its own rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_kit import FIRST, made, rates

from tokeneff.promptcache import Mark, Pieces, Rule, Split, State, pieces_of, rule_of, serve, told
from tokeneff.tokens import Counter

CLAUDE = rule_of("claude-sonnet-5", "anthropic")
OLD_GPT = rule_of("gpt-5", "openai")
NEW_GPT = rule_of("gpt-5.6-sol", "openai")
GEMINI = rule_of("gemini-3-pro-preview", "gcp.gemini")
DEEPSEEK = rule_of("deepseek-chat", "deepseek")
VLLM = rule_of("my-model", "vllm")
NONE = rule_of("command-a", "cohere")


def served(rule: Rule, *requests: tuple[float, Pieces]) -> list[Split]:
    """Each request at so many seconds, one after another."""
    state, found = State(), list[Split]()
    for at, pieces in requests:
        split, state = serve(rule, state, pieces, FIRST + at)
        found.append(split)
    return found


@pytest.mark.parametrize(
    ("model", "provider", "engine", "minimum"),
    [
        ("claude-opus-5", "anthropic", "marks", 512),
        ("us.anthropic.claude-haiku-4-5-v1:0", "aws.bedrock", "marks", 4096),
        ("claude-sonnet-4-5", "gcp.vertex_ai", "marks", 1024),
        ("gpt-4o", "openai", "prefix", 1024),
        ("gpt-35-turbo", "azure.ai.openai", "prefix", 1024),
        ("gpt-5.5", "openai", "prefix", 1024),
        ("gpt-5.6", "openai", "points", 1024),
        ("gpt-6.1-sol", "openai", "points", 1024),
        ("gemini-2.5-flash", "gcp.gemini", "prefix", 2048),
        ("deepseek-chat", "deepseek", "units", 64),
        ("llama", "vllm", "prefix", 16),
        ("command-a", "cohere", "none", 0),
        ("vendor/model", "anthropic", "prefix", 1024),
    ],
)
def test_the_rule_of_a_model(model: str, provider: str, engine: str, minimum: int) -> None:
    assert rule_of(model, provider)[1:3] == (engine, minimum)


def test_without_a_breakpoint_claude_caches_nothing() -> None:
    assert served(CLAUDE, (0, made(3000)), (1, made(3000, 500))) == [Split(uncached=3000), Split(uncached=3500)]


def test_claude_writes_to_the_last_breakpoint_and_reads_what_was_written() -> None:
    assert served(
        CLAUDE,
        (0, made(2000, 1000, 50, head=1, marks=[0, 1])),
        (9, made(2000, 1000, 50, 400, head=1, marks=[0, 3])),
        (19, made(2000, ("other", 700), head=1, marks=[0, 1])),
    ) == [Split(written=3000, uncached=50), Split(read=3000, written=450), Split(read=2000, written=700)]


def test_each_use_renews_the_five_minutes_and_an_hour_is_an_hour() -> None:
    short = made(2000, marks=[0])
    assert [split.read for split in served(CLAUDE, (0, short), (290, short), (580, short), (881, short))] == [
        0,
        2000,
        2000,
        0,
    ]
    hour = made(2000, marks=[Mark(0, "1h")])
    splits = served(CLAUDE, (0, hour), (3599, hour), (7199, hour), (10_800, hour))
    assert splits == [Split(written_1h=2000), Split(read=2000), Split(read=2000), Split(written_1h=2000)]


def test_the_hours_part_is_what_lies_before_the_last_breakpoint_of_an_hour() -> None:
    split = served(CLAUDE, (0, made(2000, 300, 10, marks=[Mark(0, "1h"), Mark(1)])))[0]
    assert split == Split(written=300, written_1h=2000, uncached=10)


def test_below_the_least_size_nothing_is_written() -> None:
    assert served(CLAUDE, (0, made(1000, marks=[0])), (1, made(1000, 23, marks=[1])), (2, made(1024, marks=[0]))) == [
        Split(uncached=1000),
        Split(uncached=1023),
        Split(written=1024),
    ]


def test_twenty_blocks_are_looked_back_through_and_no_more() -> None:
    def after(more: int) -> Split:
        return served(CLAUDE, (0, made(2000, marks=[0])), (1, made(2000, *[10] * more, marks=[more])))[1]

    assert after(19) == Split(read=2000, written=190)
    assert after(20) == Split(written=2200)
    anchored = made(2000, *[10] * 40, marks=[0, 40])
    assert served(CLAUDE, (0, made(2000, marks=[0])), (1, anchored))[1] == Split(read=2000, written=400)


def test_old_gpt_reads_the_longest_common_prefix_in_steps_of_128() -> None:
    assert served(
        OLD_GPT,
        (0, made(1500)),
        (1, made(1500, 400)),
        (2, made(1500, ("x", 10))),
        (302, made(1500, 3)),
        (303, made(900)),
    ) == [
        Split(uncached=1500),
        Split(read=1408, uncached=492),
        Split(read=1408, uncached=102),
        Split(read=1408, uncached=95),
        Split(uncached=900),
    ]
    assert served(OLD_GPT, (0, made(1500)), (301, made(1500)))[1].read == 0


def test_new_gpt_finds_only_what_ends_at_a_breakpoint_and_has_writes_paid() -> None:
    plain = made(1500, 800, head=1)
    assert served(NEW_GPT, (0, plain), (1, made(1500, 800, 100, head=1)), (2, made(1500, ("new", 800), head=1))) == [
        Split(written=2300),
        Split(read=2300, written=100),
        Split(written=2300),
    ]
    headed = made(1500, ("new", 800), head=1, marks=[0])
    assert served(NEW_GPT, (0, made(1500, 800, head=1, marks=[0])), (1, headed))[1] == Split(read=1500, written=800)
    off = plain.marked([], implicit=False)
    assert served(NEW_GPT, (0, off), (1, off)) == [Split(uncached=2300), Split(uncached=2300)]


def test_gemini_promises_nothing_and_what_it_reads_is_learnt() -> None:
    state, request = State(), made(10_000)
    _, state = serve(GEMINI, state, request, FIRST)
    grown = made(10_000, 500)
    split, after = serve(GEMINI, state, grown, FIRST + 9)
    assert split.read == 8192
    for _ in range(20):
        after = told(GEMINI, state, after, grown, Split(read=4096, uncached=6404), FIRST + 9)
    assert 5120 <= serve(GEMINI, after, grown, FIRST + 10)[0].read < 5400  # about half of 10,240


def test_deepseek_keeps_where_requests_end_and_where_they_begin_to_differ() -> None:
    one, two, three = (made(640, (name, 320)) for name in "abc")
    assert [
        split.read for split in served(DEEPSEEK, (0, one), (1, two), (2, three), (3, made(640, ("a", 320), 64)))
    ] == [
        0,
        0,
        640,
        960,
    ]


def test_vllm_has_blocks_of_16_and_none_has_nothing() -> None:
    assert served(VLLM, (0, made(100)), (1, made(100, 5)))[1] == Split(read=96, uncached=9)
    assert served(NONE, (0, made(5000)), (1, made(5000)))[1] == Split(uncached=5000)


def test_what_the_provider_says_is_believed() -> None:
    first, then = made(2000, 3000, head=1, marks=[0, 1]), made(2000, 3000, 500, head=1, marks=[0, 2])
    _, state = serve(CLAUDE, State(), first, FIRST)
    state = told(CLAUDE, State(), state, first, Split(written=5400, uncached=3), FIRST)
    split, after = serve(CLAUDE, state, then.scaled(5900), FIRST + 9)
    assert split == Split(read=5400, written=500)
    # All was gone but the system prompt, whose size is said, too.
    after = told(CLAUDE, state, after, then, Split(read=2040, written=3860), FIRST + 9)
    other = made(2000, ("summary", 700), head=1, marks=[0, 1])
    assert serve(CLAUDE, after, other, FIRST + 20)[0].read == 2040
    back = made(2000, 3000, ("x", 10), head=1, marks=[0, 2])
    assert serve(CLAUDE, after, back, FIRST + 20)[0].read == 2040


def test_what_was_not_cached_at_all_is_not_expected_again() -> None:
    request = made(2000, 3000, head=1, marks=[0, 1])
    _, after = serve(CLAUDE, State(), request, FIRST)
    after = told(CLAUDE, State(), after, request, Split(uncached=5000), FIRST)
    assert serve(CLAUDE, after, request, FIRST + 1)[0].read == 0


@given(st.data())
def test_counts_sum_up_and_nothing_given_is_changed(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from([CLAUDE, OLD_GPT, NEW_GPT, GEMINI, DEEPSEEK, VLLM, NONE]))
    state, at = State(), FIRST
    for _ in range(data.draw(st.integers(1, 8))):
        names = data.draw(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3000)), min_size=1, max_size=6))
        places = data.draw(st.lists(st.sampled_from(range(len(names))), unique=True, max_size=4))
        pieces = made(*names, marks=sorted(places))
        before = dict(state.entries)
        split, after = serve(rule, state, pieces, at)
        assert split.total == pieces.total
        assert min(split) >= 0
        assert dict(state.entries) == before
        assert split.dollars(rates()) >= 0
        said = Split(read=split.read // 2, uncached=split.total - split.read // 2)
        state = told(rule, state, after, pieces, said, at) if data.draw(st.booleans()) else after
        at += data.draw(st.sampled_from([0.0, 1.0, 299.0, 301.0, 4000.0]))


CONTROL = {"type": "ephemeral"}
BODY: dict[str, Any] = {
    "tools": [
        {"name": "find", "input_schema": {"type": "object"}},
        {"name": "read", "input_schema": {}, "cache_control": CONTROL},
    ],
    "system": [
        {"type": "text", "text": "Be brief."},
        {"type": "text", "text": "Be kind.", "cache_control": {**CONTROL, "ttl": "1h"}},
    ],
    "messages": [
        {"role": "user", "content": "Hello there"},
        {"role": "assistant", "content": [{"type": "text", "text": "Yes?"}]},
        {
            "role": "user",
            "content": [{"type": "text", "text": "One", "cache_control": CONTROL}, {"type": "text", "text": "Two"}],
        },
    ],
}


def test_a_request_is_taken_apart_with_its_own_breakpoints() -> None:
    prompt = Counter().prompt("messages", BODY, "claude-sonnet-5")
    pieces = pieces_of(prompt, "messages", BODY, 10_000)
    assert (pieces.tools, pieces.head, len(pieces.chain), pieces.total) == (2, 4, 8, 10_000)
    assert pieces.marks == (Mark(1), Mark(3, "1h"), Mark(6))
    assert pieces.blocks == (1, 2, 3, 4, 5, 6, 7, 8)
    whole = pieces_of(
        Counter().prompt("messages", {**BODY, "cache_control": CONTROL}, "m"),
        "messages",
        {**BODY, "cache_control": CONTROL},
    )
    assert whole.marks[-1] == Mark(7)


def test_breakpoints_do_not_change_what_a_prefix_is() -> None:
    bare = {**BODY, "tools": [{k: v for k, v in tool.items() if k != "cache_control"} for tool in BODY["tools"]]}
    one, two = (
        pieces_of(Counter().prompt("messages", body, "claude-sonnet-5"), "messages", body).chain
        for body in (BODY, bare)
    )
    assert one == two


def test_what_a_request_leaves_out_is_a_piece_of_its_own() -> None:
    body = {"messages": [{"role": "user", "content": "Hello there"}]}
    pieces = pieces_of(Counter().prompt("messages", body, "claude-sonnet-5"), "messages", body, 5_000, unseen=4_900)
    assert pieces.ends == (4_900, 5_000)
    assert pieces.head == 1
