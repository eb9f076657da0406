"""How much of a repeated prompt was lost, and what for: its bounds, and what is not claimed."""

from __future__ import annotations

import pytest
from accounts_kit import RATES, Provider, RoundPrices, tool, turns, words
from prefix_faults import body_of, drop, total

from tokeneff.accounts import Prefix


@pytest.mark.parametrize(("short", "lost"), [(1996, 0), (1997, 1997)])
def test_a_tenth_of_a_whole_prefix_is_no_loss(short: int, lost: int) -> None:
    provider = Provider()
    provider.call(body_of("chat", 5), input_tokens=20_000, cache_read=0)
    after = provider.call(body_of("chat", 6), input_tokens=20_100, cache_read=20_000 // 128 * 128 - short)
    assert after.prefix is not None
    assert (after.prefix.lost, after.prefix.cause) == (lost, "missed" if lost else "none")


def test_of_what_was_cached_only_what_is_sent_again_can_be_lost() -> None:
    provider = Provider("messages", "claude-sonnet-4-5", "anthropic")
    before = provider.call(body_of("messages", 20), input_tokens=8000, cache_read=0, cache_write=8000)
    after = provider.call(drop(body_of("messages", 20), 0, 38), cache_read=0, cache_write=1000)
    assert before.prefix is not None
    assert after.prefix is not None
    assert after.prefix.cause == "shortened"
    # All that is sent was sent before; the provider counts 1.25 tokens for each of ours, and one more or less.
    assert abs(after.prefix.lost - total(after)) <= 1


def test_without_a_price_of_cached_reads_what_was_lost_has_no_price(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Provider()
    monkeypatch.setattr(RoundPrices, "rates", lambda *_: RATES._replace(assumed=("cache_read",)))
    provider.call(body_of("chat", 5), cache_read=0)
    after = provider.call(body_of("chat", 6), cache_read=0).prefix
    assert after is not None
    assert (after.cause, after.lost > 1000, after.cost) == ("missed", True, None)


@pytest.mark.parametrize("marked", [0, 1])
def test_a_breakpoint_that_the_provider_made_nothing_of_is_no_want_of_one(marked: int) -> None:
    provider = Provider("messages", "claude-sonnet-4-5", "anthropic")
    for turn in range(2):
        body = body_of("messages", 5 + turn)
        body = body if turn == marked else {**body, "system": body["system"][0]["text"]}
        prefix = provider.call(body, cache_read=0, cache_write=0).prefix
    assert prefix is not None
    assert (prefix.lost, "breakpoint" in prefix.detail) == (0, False)


def test_the_same_model_at_another_provider_has_another_cache() -> None:
    provider = Provider()
    provider.call(body_of("chat", 5), cache_read=0)
    prefix = provider.call(body_of("chat", 6), provider="azure.ai.openai", cache_read=0).prefix
    assert prefix is not None
    assert prefix[1:5] == ("model_changed", None, None, "gpt-4.1 at openai before, at azure.ai.openai now")


def lost(provider: Provider, *bodies: dict[str, object]) -> Prefix:
    """Of the last of them, where nothing was ever read."""
    account = [provider.call(body, cache_read=0) for body in bodies][-1]
    assert account.prefix is not None
    return account.prefix


def test_a_message_that_was_sent_once_is_lost_once() -> None:
    def body(*said: str) -> dict[str, object]:
        return {"messages": [{"role": ("user", "assistant")[n % 2], "content": one} for n, one in enumerate(said)]}

    text, other, rest = words(1, 900), words(2, 900), words(4, 50)
    before = body(words(3, 2000), text, rest)
    again, new = (lost(Provider(), before, body("Else.", text, rest, more, "More.")) for more in (text, other))
    assert again == new
    assert (again.cause, again.lost > 1000) == ("edited", True)


def test_a_line_that_was_sent_once_is_lost_once() -> None:
    def lines(start: int) -> str:
        return "\n".join(words(line, 30) for line in range(start, start + 30))

    def body(*systems: str) -> dict[str, object]:
        return {"messages": [*({"role": "system", "content": system} for system in systems), *turns(5)]}

    before = body(words(7, 2000) + "\n" + lines(10))
    again, new = (
        lost(Provider(session="mine"), before, body("Two.\n" + lines(10), "Three.\n" + lines(start)))
        for start in (10, 60)
    )
    assert again == new
    assert (again.cause, again.lost > 2000) == ("system_changed", True)


def test_a_line_of_another_tool_is_no_line_that_was_sent() -> None:
    def body(name: str, about: str) -> dict[str, object]:
        given = tool(name, about=about)
        given["function"]["description"] = words(7, 3000)
        return {"messages": turns(5), "tools": [given]}

    (same, other) = (lost(Provider(), body("a", "one"), body(name, "two")) for name in "ab")
    assert [each.detail for each in (same, other)] == ["tools edited a", "tools added b; removed a"]
    assert same.lost > other.lost + 1000


def test_of_messages_that_are_alike_the_first_is_the_one_that_was_kept() -> None:
    def body(*said: str) -> dict[str, object]:
        return {"messages": [{"role": "user", "content": one} for one in (words(1, 2000), *said)]}

    prefix = lost(Provider(), body("a", "yes", "b", "yes", "c"), body("x", "yes", "b", "yes", "c", "d"))
    assert prefix[1:5] == ("edited", "messages", 1, "message 2 (user) differs")
