"""What of histories is left out, and when: the gate, its purse, and batches that stay."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokeneff.prices import Prices
from tokeneff.promptcache import Pieces, State, rule_of, serve
from tokeneff.tokens import counter
from tokeneff.trim._changing import replaced
from tokeneff.trim._reading import history_of
from tokeneff.trim._validity import fault_of
from tokeneff.trim.planning._aligning import aligned
from tokeneff.trim.planning._batches import Batch, Batches
from tokeneff.trim.planning._gate import Course
from tokeneff.trim.planning._outlook import Outlook
from tokeneff.trim.planning._plan import clearings, is_cleared, words_of
from tokeneff.trim.planning._planner import Planned, Planner, Request

PRICES = Prices()
MARKETS = (
    ("claude-opus-5", "anthropic"),
    ("claude-sonnet-5-5", "anthropic"),
    ("gpt-4o", "openai"),
    ("gpt-5.6-sol", "openai"),
    ("deepseek-chat", "deepseek"),
    ("command-r", "cohere"),
)


class Shelf:
    """A store in a dict."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self.kept.get(key)

    def add(self, key: bytes, body: bytes) -> bytes:
        return self.kept.setdefault(key, body)


def conversation(sizes: Sequence[int], *, seed: int = 0) -> list[dict[str, Any]]:
    """An agent that calls a tool in each turn; results are so many lines long."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You work in a repository."},
        {"role": "user", "content": "Find the fault."},
    ]
    for place, size in enumerate(sizes):
        call = {"id": f"c{place}", "type": "function", "function": {"name": "read", "arguments": f'{{"at": {place}}}'}}
        text = (
            f"file-{seed}-{place}\n" + f"some words of line that nobody needs in turn {chr(97 + place % 26)}\n" * size
        )
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{place}", "content": text})
    return messages


def pieces(body: Mapping[str, Any]) -> Pieces:
    found = aligned(counter().prompt("chat", body, "gpt-5"), "chat", body)
    from tokeneff.promptcache import Mark

    return found.marked([Mark(0), Mark(found.newest)])


def request(messages: list[dict[str, Any]], market: tuple[str, str], at: float, **more: Any) -> Request:
    body = {"model": "gpt-5", "messages": messages}
    history = history_of("chat", body)
    assert history is not None
    plain = pieces(body)
    rates = PRICES.rates(*market, "", None, plain.total)
    assert rates is not None
    return Request(history, rule_of(*market), rates, plain, pieces, at, Outlook(), **more)


def turns(messages: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The requests of a conversation."""
    ends = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    return [messages[:end] for end in (*ends, len(messages))]


def run(planner: Planner, messages: list[dict[str, Any]], market: tuple[str, str], gap: float = 10) -> list[Planned]:
    return [planner.plan(request(sent, market, place * gap)) for place, sent in enumerate(turns(messages))]


LONG = conversation([20, 900, 10, 10, 10, 10, 10, 900, 5, 5, 5, 5, 900, 5, 5, 5, 5, 5, 5])


def test_words_with_a_digit_stay() -> None:
    messages = conversation([400, 1, 1, 1, 1])
    messages[3]["content"] += "order W1234 costs 17.50, row 12 of table\n"
    messages.append({"role": "user", "content": "And file-0-0?"})
    history = history_of("chat", {"messages": messages})
    assert history is not None
    (found,) = clearings(history, {})
    size = messages[3]["content"]
    assert found.text == (
        f"[Left out of this result of read: {size.count(chr(10)) + 1} lines, {len(size)} characters. "
        "Words in it: W1234 17.50]"
    )
    assert (found.path, found.message) == (("messages", 3, "content"), 3)
    assert found.saved == len(size) - len(found.text)


def test_what_is_never_left_out() -> None:
    messages = conversation([400] * 6)
    history = history_of("chat", {"messages": messages})
    assert history is not None
    assert [one.message for one in clearings(history, {}, keep=3)] == [3, 5, 7]
    assert [one.message for one in clearings(history, {}, keep=5)] == [3]
    assert clearings(history, {}, tools={"read"}) == ()
    assert [one.message for one in clearings(history, {}, held={3, 7})] == [5]
    first = clearings(history, {})[0]
    assert is_cleared(first.text)
    assert [one.message for one in clearings(history, {first.path: first.text})] == [5, 7]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text("ab1 2\n-x", max_size=400), min_size=4, max_size=9), st.integers(0, 3))
def test_no_identifier_is_lost(texts: list[str], keep: int) -> None:
    messages = conversation([0] * len(texts))
    for place, text in enumerate(texts):
        messages[3 + 2 * place]["content"] = text * 20
    body = {"messages": messages}
    history = history_of("chat", body)
    assert history is not None
    found = clearings(history, {}, keep=keep, least=50)
    for first in range(len(found)):  # the newest of them, as many as one likes
        sent = replaced(history, {one.path: one.text for one in found[first:]})
        before, after = ({word for text in told(one) for word in words_of(text)} for one in (body, sent))
        assert before <= after
        assert fault_of("chat", sent) == fault_of("chat", body)


def told(body: Mapping[str, Any]) -> list[str]:
    return [message["content"] or "" for message in body["messages"]]


@pytest.mark.parametrize("market", MARKETS)
def test_long_conversations_get_cheaper_and_stay_valid(market: tuple[str, str]) -> None:
    found = run(Planner(Shelf()), LONG, market)
    plain, ours = bill(LONG, found, market)
    assert ours < plain * 0.9
    assert all(fault_of("chat", one.body) == "" for one in found)
    assert any(one.batch for one in found)


def bill(messages: list[dict[str, Any]], found: list[Planned], market: tuple[str, str], gap: float = 10):
    """What a conversation costs at a provider that works as the simulator says, without us and with."""
    rule, states, sums = rule_of(*market), [State(), State()], [0, 0]
    for place, (sent, planned) in enumerate(zip(turns(messages), found, strict=True)):
        for which, one in enumerate((pieces({"messages": sent}), planned.pieces)):
            rates = PRICES.rates(*market, "", None, one.total)
            assert rates is not None
            split, states[which] = serve(rule, states[which], one, place * gap)
            sums[which] += split.dollars(rates)
    return sums


def test_edits_stay_byte_for_byte() -> None:
    found = run(Planner(Shelf()), LONG, MARKETS[0])
    cleared: dict[Any, str] = {}
    for one in found:
        for path, text in cleared.items():
            assert one.texts[path] == text
        cleared = dict(one.texts)
        original = [message["content"] for message in LONG[: len(one.body["messages"])]]
        for place, message in enumerate(one.body["messages"]):
            if ("messages", place, "content") in cleared:
                assert message["content"] == cleared["messages", place, "content"]
            else:
                assert message["content"] == original[place]
    assert cleared


def test_a_rendition_depends_on_messages_and_store_alone() -> None:
    shelf = Shelf()
    found = run(Planner(shelf), LONG, MARKETS[0])
    kept = dict(shelf.kept)
    # Another process, that has seen nothing, in another order, at other times, with other requests between.
    other = Planner(shelf)
    run(other, conversation([900, 900, 3, 3, 3, 3, 3], seed=7), MARKETS[0])
    for place, sent in reversed(list(enumerate(turns(LONG)))):
        again = other.plan(request(sent, MARKETS[0], 1e6 - place * 900))
        assert json.dumps(again.body) == json.dumps(found[place].body)
    assert {key: shelf.kept[key] for key in kept} == kept


def test_the_first_who_decides_decides_for_all() -> None:
    shelf = Shelf()
    body = {"messages": conversation([900] * 5)}
    history = history_of("chat", body)
    assert history is not None
    one, other = Batches(shelf), Batches(shelf)
    assert one.holding(history).texts == other.holding(history).texts == {}
    first = Batch({("messages", 3, "content"): "[first]"}, 10, 20)
    assert one.add(history, first) == first
    assert other.add(history, Batch({("messages", 5, "content"): "[second]"})) == first
    assert other.holding(history) == first
    assert Batches(shelf, "another tenant").holding(history).texts == {}
    longer = history_of("chat", {"messages": [*body["messages"], {"role": "user", "content": "Go on."}]})
    changed = history_of("chat", {"messages": [{"role": "system", "content": "New."}, *body["messages"][1:]]})
    assert longer is not None
    assert changed is not None
    assert Batches(shelf).holding(longer) == first
    assert Batches(shelf).holding(changed).texts == {}


def test_what_another_version_wrote_is_not_read() -> None:
    kept = Batch({("a", 1): "x"}, 1, 2, ((2, 4),))
    assert Batch.unpacked(kept.packed()) == kept
    for body in (
        b"",
        b"[]",
        b"{}",
        b'{"v":99,"texts":[],"saved":0,"gain":0,"gone":[]}',
        b'{"v":1,"texts":3,"saved":0,"gain":0,"gone":[]}',
    ):
        assert Batch.unpacked(body) is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from((1, 5, 30, 200, 600)), min_size=1, max_size=14),
    st.sampled_from(MARKETS),
    st.lists(st.sampled_from((5.0, 60.0, 400.0, 4000.0)), min_size=15, max_size=15),
)
def test_no_conversation_gets_dearer(sizes: list[int], market: tuple[str, str], gaps: list[float]) -> None:
    messages = conversation([6 * size for size in sizes])
    planner, rule, at = Planner(Shelf()), rule_of(*market), 0.0
    course = Course()
    for place, sent in enumerate(turns(messages)):
        asked = request(sent, market, at)
        found = planner.plan(asked)
        course = course.after(rule, asked.rates, asked.plain, found.pieces, at)
        assert course.sound, (place, course.cost / course.spent)  # wherever it ends
        at += gaps[place]


def test_a_restarted_process_does_not_take_the_cache_for_empty() -> None:
    """Nothing is known of what the provider holds: the first request of each process is left as it is."""
    asked = request(LONG, MARKETS[-1], 0.0)
    planner = Planner(Shelf())
    assert planner.plan(asked).body is asked.history.body
    longer = [*LONG, *conversation([10])[2:]]
    assert planner.plan(request(longer, MARKETS[-1], 10.0)).batch is not None


def test_after_a_pause_rewriting_is_free() -> None:
    sizes = [900, 10, 400, 10, 400, 10, 10, 10]
    short = run(Planner(Shelf()), conversation(sizes), MARKETS[1], gap=10)
    long = run(Planner(Shelf()), conversation(sizes), MARKETS[1], gap=4000)
    assert sum(one.pieces.total for one in long) < sum(one.pieces.total for one in short)


def test_what_refers_to_a_message_that_is_left_out_is_sent_as_it_was() -> None:
    messages = conversation([900, 5, 5, 5, 5, 5])
    shelf = Shelf()
    asked = request(messages, MARKETS[0], 0.0)
    Batches(shelf).add(asked.history, Batch({("messages", 3, "content"): "[cleared]"}))
    texts = {("messages", 5, "content"): "[as above]", ("messages", 7, "content"): "[short]"}
    found = Planner(shelf).plan(asked._replace(texts=texts, leans={5: (3,), 7: (5,)}))
    assert found.texts == {("messages", 3, "content"): "[cleared]", ("messages", 7, "content"): "[short]"}


def test_exchanges_that_are_gone_stay_gone() -> None:
    """As a window that is too small has it: decided elsewhere, kept here, and results of others still cleared."""
    messages = conversation([5, 2000, 5, 5, 5, 5, 5])
    planner, market = Planner(Shelf()), MARKETS[-1]
    first = request(messages[:10], market, 0.0)
    planner.plan(first)
    planner.keep(first.history, Batch({}, gone=((2, 4),)))
    for stop in (12, 14, 16):
        found = planner.plan(request(messages[:stop], market, 10.0))
        left = [*messages[:2], *messages[4:stop]]
        assert fault_of("chat", found.body) == ""
        for place, (sent, message) in enumerate(zip(found.body["messages"], left, strict=True)):
            assert sent == message or (place == 3 and is_cleared(sent["content"]))
    assert is_cleared(found.body["messages"][3]["content"])


def test_what_is_evidently_what_a_tool_gave_can_be_left_out_of_users_messages() -> None:
    """Agents without calls of tools run what stands in the model's turn."""
    outputs = [
        "<returncode>0</returncode>\n<output>\n{}</output>",
        "Observation: {}",
        "[execute_command for 'ls'] Result:\n{}",
        "I think that this is what it says: {}",
    ]
    long = "one more line that nobody needs\n" * 100
    messages: list[dict[str, Any]] = [{"role": "user", "content": f"Observation: {long}"}]
    for output in [*outputs, outputs[0], outputs[0], outputs[0]]:
        messages += [{"role": "assistant", "content": "ls"}, {"role": "user", "content": output.format(long)}]
    messages.append({"role": "user", "content": f"Observation: {long}"})
    history = history_of("chat", {"messages": messages})
    assert history is not None
    assert [one.message for one in clearings(history, {}, keep=1)] == [2, 4, 6, 10, 12]
