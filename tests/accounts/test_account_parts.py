"""Tokens by what they were: every share is exact, and each piece of a request goes where it belongs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from accounts_kit import Provider, new_counter, tool, words
from hypothesis import given, settings
from hypothesis import strategies as st

from tokeneff._flow import Tokens, Written
from tokeneff._shares import split
from tokeneff.accounts import InputParts, OutputParts
from tokeneff.accounts._input import Beyond, Scaled, beyond, grown, scaled
from tokeneff.accounts._output import output_parts
from tokeneff.tokens._split import raw_parts

COUNTS = st.integers(0, 10**7)
PARTS = st.builds(InputParts, *[COUNTS] * 7)


@settings(deadline=None)
@given(st.integers(0, 10**12), st.lists(COUNTS, max_size=12))
def test_shares_sum_to_the_total_and_keep_to_their_proportion(total: int, weights: list[int]) -> None:
    shares = split(total, weights)
    whole = sum(weights)
    assert sum(shares) == (total if whole else 0)
    for share, weight in zip(shares, weights, strict=True):
        assert share >= 0
        if whole:
            assert abs(share - Fraction(total * weight, whole)) < 1
        if not weight:
            assert share == 0


def test_what_is_left_over_goes_to_those_that_lost_most_by_rounding() -> None:
    assert split(10, [1, 1, 1]) == [4, 3, 3]
    assert split(100, [333, 333, 334]) == [33, 33, 34]
    assert split(7, [50, 30, 20]) == [4, 2, 1]  # 3.5, 2.1, 1.4
    assert split(5, [2, 3]) == [2, 3]


@settings(deadline=None)
@given(
    COUNTS,
    PARTS,
    st.floats(0.3, 3),
    COUNTS | st.none(),
    PARTS,
    st.sampled_from(["system", "attached", "history"]),
    st.booleans(),
)
def test_scaled_parts_sum_to_the_total(
    total: int, raw: InputParts, ratio: float, known: int | None, earlier: InputParts, kind: Any, certain: bool
) -> None:
    made = scaled(total, raw, ratio, Beyond(kind, known, earlier, certain))
    assert sum(made.parts) == total
    assert min(made.parts) >= 0
    assert 0 <= made.unseen <= total
    assert made.head in (0, made.unseen)
    assert (made.scale is None) == (sum(raw) == 0)
    if made.scale is not None:
        assert abs(made.scale * sum(raw) - (total - made.unseen)) < 0.01


def chat() -> list[dict[str, Any]]:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"query": "order 17"}'}}
    return [
        {"role": "system", "content": words(1, 40)},
        {"role": "user", "content": words(2, 20)},
        {"role": "assistant", "content": words(3, 10), "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": words(4, 80)},
        {"role": "assistant", "content": words(5, 30)},
        {"role": "user", "content": [{"type": "text", "text": words(6, 50)}, image]},
    ]


def test_each_piece_of_a_chat_request_goes_where_it_belongs() -> None:
    body = {"messages": chat(), "tools": [tool("look"), tool("book")]}
    provider = Provider()
    account = provider.call(body)
    prompt = new_counter().prompt("chat", body, "gpt-4.1")
    tools, book, system, first, called, result, said, last = prompt.pieces
    image = dict(last.contents)["attached"]
    raw = InputParts(
        system.tokens,
        tools.tokens + book.tokens,
        first.tokens,
        called.tokens + said.tokens,
        result.tokens,
        image,
        last.tokens - image,
    )
    assert min(raw) > 0
    total = round(prompt.tokens * 1.25)
    assert account.input == InputParts(*split(total, raw))
    assert account.scale == total / sum(raw)
    assert [name for name, _ in account.tools] == ["look", "book"]
    assert sum(tokens for _, tokens in account.tools) == account.input.tools
    assert account.counted == prompt.tokens


def test_anthropic_results_and_documents_in_a_users_message_are_not_the_users_words() -> None:
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": words(3, 60)}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": words(4, 70)}
    body = {
        "system": words(1, 30),
        "messages": [
            {"role": "user", "content": words(2, 10)},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}}]},
            {"role": "user", "content": [result, document, {"type": "text", "text": words(5, 20)}]},
        ],
        "tools": [tool("look", "messages")],
    }
    account = Provider("messages", "claude-opus-4-5", "anthropic").call(body)
    parts = account.input
    assert parts is not None
    assert all(parts), parts
    assert parts.tool_results > parts.attached > parts.user > parts.user_history


def pieces_of(messages: list[dict[str, Any]]) -> tuple[Any, ...]:
    return new_counter().prompt("chat", {"messages": messages}, "gpt-4.1").pieces


@settings(deadline=None)
@given(st.lists(st.sampled_from(range(6)), max_size=12), st.integers(0, 12))
def test_parts_of_a_longer_prompt_go_on_from_those_of_its_beginning(order: list[int], cut: int) -> None:
    pieces = pieces_of([chat()[index] for index in order])
    whole = raw_parts(new_counter().prompt("chat", {"messages": []}, "gpt-4.1")._replace(pieces=pieces))
    assert grown(pieces[cut:], grown(pieces[:cut], None)) == whole == grown(pieces, None)


def test_unknown_and_empty_totals() -> None:
    body = {"messages": chat()}
    unknown = Provider().call(body, input_tokens=None, output_tokens=None)
    assert (unknown.input, unknown.output, unknown.scale) == (None, None, None)
    assert unknown.counted
    nothing = Provider().call(body, input_tokens=0, output_tokens=0)
    assert (nothing.input, nothing.output, nothing.scale) == (InputParts(), OutputParts(), 0.0)
    uncounted = Provider().call({"messages": []}, input_tokens=77)
    assert (uncounted.input, uncounted.scale) == (InputParts(user=77), None)
    estimated = Provider().call(body, input_tokens=333, input_source="estimated")
    assert estimated.input is not None
    assert sum(estimated.input) == 333


def test_a_system_prompt_and_tools_that_a_record_leaves_out_are_not_smeared_over_the_rest() -> None:
    question = {"role": "user", "content": words(1, 40)}
    provider = Provider("messages", "claude-opus-4-6", "anthropic", session="s")
    first = provider.call({"messages": [question]}, input_tokens=26_000)
    shown = (first.counted or 0) - 3  # what frames the whole is no part
    assert first.unknown == ("unseen",)
    assert first.input == InputParts(system=26_000 - shown, user=shown)
    more = [question, {"role": "assistant", "content": words(2, 90)}, {"role": "user", "content": words(3, 900)}]
    second = provider.call({"messages": more}, input_tokens=29_000)
    assert second.input is not None
    assert second.input.system == 26_000 - shown  # it does not grow with the conversation
    assert sum(second.input) == 29_000
    assert second.input.user > second.input.assistant_history > second.input.user_history > 0


def test_what_is_put_in_on_the_way_is_system_and_what_the_providers_own_tools_bring_is_attached() -> None:
    body = {"messages": chat()}
    account = Provider().call(body, input_tokens=50_000)
    assert account.unknown == ("unseen",)
    assert account.input is not None
    assert account.scale is not None
    assert account.scale < 1.1
    assert account.input.system > 49_000
    searching = {**body, "tools": [tool("a"), {"type": "web_search"}]}
    found = Provider().call(searching, input_tokens=50_000)
    assert found.input is not None
    assert found.input.attached > 49_000
    near = Provider().call(body, input_tokens=round((account.counted or 0) * 1.9))
    assert (near.unknown, near.scale and round(near.scale, 1)) == ((), 1.9)


def test_a_file_that_cannot_be_counted_is_attached() -> None:
    content = [{"type": "file", "file": {"file_id": "f"}}, {"type": "text", "text": words(1, 30)}]
    body = {"messages": [{"role": "system", "content": "Hi"}, {"role": "user", "content": content}]}
    account = Provider().call(body, input_tokens=9_000)
    assert "file" in account.unknown
    assert account.input is not None
    assert account.input.attached > 8_900
    assert sum(account.input) == 9_000


def test_beyond_the_request() -> None:
    assert beyond(InputParts(user=5), Tokens(), (), 9) == Beyond("system", 9)
    assert beyond(InputParts(user=5, tools=1), Tokens(), (), 9) == Beyond("system")
    assert beyond(InputParts(user=5), Tokens(), (), 0, hosted=True) == Beyond("attached")
    heard = Tokens(audio_input=25, image_input=10)
    assert beyond(InputParts(attached=5), heard, ("audio",), 0) == Beyond("attached", 30, certain=True)
    assert beyond(InputParts(system=5), Tokens(), ("image size",), 0) == Beyond("system")
    assert scaled(100, InputParts(user=50), 1.0, Beyond("system")) == Scaled(InputParts(user=100), 2.0)  # not far above
    assert scaled(5000, InputParts(user=50), 1.0, Beyond("system")) == Scaled(
        InputParts(user=50, system=4950), 1.0, 4950, 4950
    )
    history = Beyond("history", earlier=InputParts(), certain=True)
    assert scaled(60, InputParts(user=50), 1.0, history).parts == InputParts(user=50, assistant_history=10)


def test_replies_that_the_provider_kept_are_history() -> None:
    provider = Provider("responses")
    first = provider.call({"instructions": "Be brief.", "input": words(1, 200)}, response="r1")
    assert first.input is not None
    more = {"instructions": "Be brief.", "input": words(2, 10), "previous_response_id": "r1"}
    second = provider.call(more, input_tokens=(sum(first.input) + 60))
    assert second.session == first.session
    assert second.input is not None
    assert second.input.user_history > 150
    assert second.input.assistant_history > 0
    assert sum(second.input) == sum(first.input) + 60
    assert second.prefix is not None
    assert (second.prefix.cause, second.prefix.repeated) == ("none", sum(first.input))


WRITTEN = st.builds(
    Written,
    st.text(max_size=30),
    st.text(max_size=30),
    st.lists(st.tuples(st.text(max_size=8), st.text(max_size=30)), max_size=3).map(tuple),
)


@settings(deadline=None)
@given(COUNTS, st.none() | st.integers(-5, 10**7), WRITTEN | st.none())
def test_output_parts_sum_to_the_total(total: int, reasoning: int | None, written: Written | None) -> None:
    parts = output_parts(Tokens(output_tokens=total, reasoning=reasoning), written, lambda text: len(text) // 3)
    if parts is None:
        assert written is None
        return
    assert sum(parts) == total
    assert min(parts) >= 0
    if reasoning is not None:
        assert parts.reasoning == min(max(reasoning, 0), total)


def test_output_parts() -> None:
    calls = (("look", "x" * 26),)
    cases = [
        (Tokens(output_tokens=100, reasoning=40), Written("a" * 10, "", calls), OutputParts(15, 40, 45)),
        (Tokens(output_tokens=100), Written("a" * 10, "b" * 10, (("l", "x" * 19),)), OutputParts(25, 25, 50)),
        (Tokens(output_tokens=100, reasoning=0), Written("", "", calls), OutputParts(0, 0, 100)),
        (Tokens(output_tokens=100, reasoning=30), Written("", "thought", ()), OutputParts(70, 30, 0)),
        (Tokens(output_tokens=100), Written("", "thought", ()), OutputParts(0, 100, 0)),
        (Tokens(output_tokens=100), Written(), OutputParts(100, 0, 0)),
        (Tokens(output_tokens=9, reasoning=9), None, OutputParts(0, 9, 0)),
        (Tokens(output_tokens=9), None, None),
        (Tokens(), Written("a"), None),
    ]
    for tokens, written, expected in cases:
        assert output_parts(tokens, written, len) == expected, (tokens, written)
