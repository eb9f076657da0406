"""Tool results that nothing has referred to since."""

from __future__ import annotations

from accounts_kit import Provider, words
from hypothesis import given, settings
from hypothesis import strategies as st

from tokeneff.accounts._stale import Stale, stale
from tokeneff.tokens import Piece, Traits


def piece(kind: str, identifiers: set[int], tokens: int = 10, content: str = "text") -> Piece:
    return Piece(kind, b"", tokens, ((content, tokens),), Traits(identifiers=frozenset(identifiers)))  # type: ignore[arg-type]


PIECES = st.lists(
    st.builds(
        piece,
        st.sampled_from(["tool", "assistant", "user", "system"]),
        st.sets(st.integers(0, 6), max_size=3),
        st.integers(1, 99),
    ),
    max_size=14,
)


def plainly(pieces: list[Piece]) -> int:
    """The definition, result by result: answered since, has identifiers, and none of them in any later answer."""
    total = 0
    for index, one in enumerate(pieces):
        later = [other.traits.identifiers for other in pieces[index:] if other.kind == "assistant"]
        mine = one.traits.identifiers
        if one.kind == "tool" and mine and later and mine.isdisjoint(frozenset[int]().union(*later)):
            total += one.tokens
    return total


@settings(deadline=None)
@given(PIECES, st.lists(st.integers(0, 14)))
def test_it_is_as_defined_and_the_same_however_the_history_grew(pieces: list[Piece], cuts: list[int]) -> None:
    assert stale(pieces).tokens == plainly(pieces)
    grown, start = Stale(), 0
    for cut in [*sorted(cuts), len(pieces)]:
        grown = stale(pieces[start:cut], grown)
        start = max(start, cut)
    assert grown == stale(pieces)


def test_only_results_count_of_anthropics_mixed_messages() -> None:
    mixed = Piece("user", b"", 30, (("tool_result", 20), ("text", 10)), Traits(identifiers=frozenset({1})))
    assert stale([mixed, piece("assistant", {2})]) == Stale(((20, frozenset({1})),), 0)


def test_stale_tokens_of_a_conversation_are_in_the_providers_tokens() -> None:
    def result(which: int, text: str) -> list[dict[str, object]]:
        call = {"id": f"c{which}", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        return [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{which}", "content": text},
        ]

    provider = Provider()
    messages: list[dict[str, object]] = [{"role": "system", "content": "Hi"}, {"role": "user", "content": "Do it."}]
    seen: list[int] = []
    for turn, text in enumerate(
        [f"order A17 {words(1, 90)}", f"flight B29 {words(2, 90)}", f"seat C31 {words(3, 90)}"]
    ):
        messages = [*messages, *result(turn, text)]
        seen.append(provider.call({"messages": messages}).stale)
    messages = [*messages, {"role": "assistant", "content": "Flight B29 it is."}, {"role": "user", "content": "Good."}]
    last = provider.call({"messages": messages})
    prompt = provider.open({"messages": messages}).prompt
    assert prompt is not None
    assert last.scale is not None
    first, second, third = (one.tokens for one in prompt.pieces if one.kind == "tool")
    assert seen == [0, round(first * last.scale), round((first + second) * last.scale)]
    assert abs(last.stale - round((first + third) * last.scale)) <= 1
