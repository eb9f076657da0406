"""Where breakpoints are placed: never where all that can be lost is more than allowed, and where they pay."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_kit import FIRST, made, rates

from tokeneff.adapters._hosts import Site
from tokeneff.promptcache import Mark, Pieces, Rule, Split, State, rule_of, serve
from tokeneff.promptcache._book import HOUR_STAKE, SLACK, STAKE, Book
from tokeneff.promptcache._means import Means, means_of
from tokeneff.promptcache._plan import Case, _legal, sent
from tokeneff.promptcache._rhythm import GOING, Chances, Gaps, worth

CLAUDE = rule_of("claude-sonnet-5", "anthropic")
SMALLEST = rule_of("claude-opus-5", "anthropic")


class Tag:
    """One tag's requests, sent to a simulated provider."""

    def __init__(self, rule: Rule = CLAUDE, read: float = 0.1, hours: bool = True) -> None:
        self.rule, self.rates, self.hours = rule, rates(read), hours
        self.book, self.state = Book(), State()
        self.splits: list[Split] = []
        self.cost = self.plain = self.longest = 0

    def send(self, at: float, pieces: Pieces, takes: Any = lambda piece: True) -> tuple[Mark, ...]:
        place = self.book.place(pieces, FIRST + at)
        case = Case(self.rule, self.rates, self.state, self.book, pieces, place, FIRST + at, takes, self.hours)
        chosen, _ = sent(case)
        split, self.state = serve(self.rule, self.state, pieces.marked(chosen.marks), FIRST + at)
        assert split == chosen.split
        self.book.wait(pieces, place, FIRST + at, "")
        plain = Split(uncached=pieces.total).dollars(self.rates)
        self.splits.append(split)
        self.cost += split.dollars(self.rates)
        self.plain += plain
        self.longest = max(self.longest, Split(written=pieces.total).dollars(self.rates) - plain)
        return chosen.marks


def conversation(turn: int, head: int = 2000, name: str = "a") -> Pieces:
    """The request of a turn: a head, and 300 tokens more each turn."""
    return made(head, *[(f"{name}{place}", 300) for place in range(turn + 1)], head=1)


def test_a_conversation_has_its_newest_message_and_its_head_marked() -> None:
    tag = Tag()
    assert tag.send(0, conversation(0)) == (Mark(0), Mark(1))
    assert tag.send(9, conversation(1)) == (Mark(0), Mark(1), Mark(2))
    assert tag.splits[1] == Split(read=2300, written=300)
    for turn in range(2, 30):
        tag.send(9.0 * turn, conversation(turn))
    assert tag.cost < 0.25 * tag.plain


def test_a_new_conversation_reads_the_head_of_another() -> None:
    tag = Tag()
    tag.send(0, conversation(0))
    tag.send(9, conversation(1))
    tag.send(20, conversation(0, name="b"))
    assert tag.splits[2] == Split(read=2000, written=300)


def test_a_turn_of_many_blocks_reads_all_the_same() -> None:
    tag = Tag()
    tag.send(0, made(2000, *range(100, 110), head=1))
    marks = tag.send(9, made(2000, *range(100, 160), head=1))
    assert Mark(10) in marks
    assert tag.splits[1].read == 2000 + sum(range(100, 110))


def test_nothing_is_marked_below_the_least_size() -> None:
    tag = Tag()
    assert tag.send(0, made(500, 523, head=1)) == ()
    assert tag.send(9, made(500, ("other", 524), head=1)) == (Mark(1),)


def test_questions_that_nobody_goes_on_from_are_soon_left_alone() -> None:
    tag = Tag()
    for number in range(200):
        tag.send(4000.0 * number, made((f"q{number}", 5000)))
    written = [split.written for split in tag.splits]
    assert written[0] == 5000
    assert sum(1 for tokens in written if tokens) <= STAKE + 3
    assert tag.cost <= tag.plain * (1 + 1 / SLACK) + STAKE * tag.longest


def test_that_is_noticed_within_minutes_however_much_was_saved_before() -> None:
    tag = Tag()
    for turn in range(40):
        tag.send(9.0 * turn, conversation(turn))
    before = len(tag.splits)
    for number in range(100):
        tag.send(1000 + 30.0 * number, made((f"q{number}", 5000)))
    assert sum(1 for split in tag.splits[before:] if split.written) < 20


def test_of_such_questions_the_head_that_they_share_is_marked() -> None:
    tag = Tag()
    for number in range(300):
        tag.send(30.0 * number, made(4000, (f"q{number}", 1000), head=1))
    assert tag.splits[-1] == Split(read=4000, uncached=1000)
    assert tag.cost < 0.4 * tag.plain


def test_a_burst_of_questions_spends_no_more_than_the_stake() -> None:
    tag = Tag()
    for number in range(100):
        tag.send(0.01 * number, made((f"q{number}", 5000)))
    assert sum(1 for split in tag.splits if split.written) <= STAKE + 1


def test_where_people_think_between_turns_an_hour_is_asked_for() -> None:
    tag, never = Tag(), Tag(hours=False)
    for turn in range(60):
        for each in (tag, never):
            each.send(600.0 * turn, conversation(turn, head=20_000))
    assert tag.splits[-1].written_1h
    assert not tag.splits[0].written_1h
    assert not any(split.written_1h for split in never.splits)
    assert tag.cost < 0.4 * tag.plain < never.plain


def test_a_longer_life_comes_first() -> None:
    tag = Tag()
    for number in range(40):  # conversations of three quick turns, a quarter of an hour apart
        for turn in range(3):
            marks = tag.send(900.0 * number + 5 * turn, conversation(turn, head=30_000, name=f"{number}."))
            lives = [mark.ttl for mark in marks]
            assert lives == sorted(lives, key=lambda life: life is None)
    assert marks[0].ttl == "1h"


def test_what_comes_before_an_hour_is_asked_for_an_hour_too() -> None:
    assert _legal({2: "5m", 0: "5m", 1: "1h"}) == [Mark(0, "1h"), Mark(1, "1h"), Mark(2)]


def test_what_takes_no_breakpoint_gets_none() -> None:
    tag = Tag()
    assert tag.send(0, conversation(4), takes=lambda piece: piece in (0, 2)) == (Mark(0), Mark(2))
    assert Tag().send(0, conversation(4), takes=lambda piece: False) == ()


def test_a_prior_is_two_requests_and_late_ones_count_as_not_gone_on_from() -> None:
    gaps = Gaps(GOING)
    assert gaps.chances == GOING
    gaps.came(9)
    gaps.came(9)
    assert gaps.chances == Chances(0.95, 0.025, 0.025)
    gaps.waits()
    gaps.waits()
    assert gaps.chances.never == (2 * 0.05 + 2) / 6
    gaps.came_late(600)
    assert gaps.chances == Chances(3.8 / 6, 1.1 / 6, 1.1 / 6)


def short(number: int, turn: int, called: str = "") -> Pieces:
    """The request of a turn of a conversation that grows over the least size at turn 2."""
    return made(*[(f"{number}.{place}", 400) for place in range(turn + 1)], called=called)


def test_a_conversation_that_grows_over_the_least_size_is_written_once_such_ones_were_seen_to_go_on() -> None:
    """Four requests, the opening aside, are gone on from before one is written that nothing was saved by yet."""
    tag = Tag(hours=False)
    assert [len(tag.send(9.0 * turn, short(0, turn))) for turn in range(20)] == [0] * 5 + [1] + [2] * 14
    assert [len(tag.send(4000 + 9.0 * turn, short(1, turn))) for turn in range(5)] == [0, 0, 1, 2, 2]


def test_where_no_better_moment_is_to_be_expected_any_is_as_good() -> None:
    tag = Tag(hours=False)
    first = [[len(tag.send(4000.0 * n + 9 * turn, short(n, turn))) for turn in range(6)] for n in range(8)]
    assert first[1] == [0, 0, 0, 0, 0, 0]  # one in five ends, and as much is known of each
    assert first[-1] == [0, 0, 1, 2, 2, 2]


def test_after_a_tool_that_ends_conversations_nothing_is_written_for_the_first_time() -> None:
    tag, other = Tag(hours=False), Tag(hours=False)
    marks: list[tuple[Mark, ...]] = []
    for number in range(30):
        for turn in range(2):
            tag.send(4000.0 * number + 9 * turn, short(number, turn, "look"))
        assert tag.send(4000.0 * number + 18, short(number, 2, "finish")) == ()
        marks = [other.send(4000.0 * number + 9 * turn, short(number, turn, "look")) for turn in range(20)]
    assert tag.cost == tag.plain
    assert marks[2] == (Mark(2),)


def test_what_a_conversation_has_saved_it_may_write_in_doubt() -> None:
    tag = Tag(hours=False)
    for number in range(20):
        for turn in range(6):
            tag.send(4000.0 * number + 9 * turn, conversation(turn, name=f"{number}."))
        later = conversation(7, name=f"{number}.")._replace(called=f"tool {number}")
        assert Mark(8) in tag.send(4000.0 * number + 60, later)


def test_whose_user_thinks_twice_is_taken_to_do_so_again() -> None:
    tag = Tag()
    for number in range(20):
        for turn in range(8):
            tag.send(4000.0 * number + 9 * turn, conversation(turn, 20_000, f"{number}."))
    for turn in range(4):
        tag.send(50_000 + 1200.0 * turn, conversation(turn, 20_000, "slow"))
    assert [split.written_1h > 0 for split in tag.splits[-4:]] == [False, False, False, True]
    tag.send(55_000, conversation(0, 20_000, "hurried"))
    tag.send(55_009, conversation(1, 20_000, "hurried"))
    assert tag.splits[-1].written_1h == 0


def test_the_same_request_once_more_is_an_opening_again() -> None:
    book = Book()
    for at in (0.0, 9.0):
        place = book.place(conversation(0), FIRST + at)
        assert place.opening
        book.wait(conversation(0), place, FIRST + at, "")
    assert not book.place(conversation(1), FIRST + 18).opening


def test_what_a_written_token_is_worth() -> None:
    sure, none = Chances(1.0, 0.0, 0.0), Chances(0.0, 0.0, 1.0)
    assert worth(none, none, 0.1, 1.25, 2.0) == (-0.25, -1.0)
    assert worth(sure, none, 0.1, 1.25, 2.0).short == 0.65
    slow = Chances(0.5, 0.4, 0.1)
    assert worth(slow, slow, 0.1, 1.25, 2.0).ttl == "1h"
    assert worth(sure, sure, 0.1, 1.25, 2.0).ttl == "5m"
    # Of a conversation that will be long, the first request is written only if the next one is likely enough to come.
    assert worth(Chances(0.2, 0.0, 0.8), GOING, 0.1, 1.25, None).ttl is None
    assert worth(Chances(0.3, 0.0, 0.7), GOING, 0.1, 1.25, None).ttl == "5m"


_STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 2.0, 60.0, 299.0, 301.0, 1800.0, 3599.0, 5000.0]),  # since the last request
        st.integers(0, 4),  # which conversation it goes on with
        st.integers(0, 6000),  # tokens that it adds
        st.sampled_from(["on", "on", "on", "again", "edit", "new", "head"]),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(_STEPS, st.sampled_from([0.1, 0.05, 0.025]), st.sampled_from([CLAUDE, SMALLEST]), st.booleans())
def test_never_dearer_than_without_but_for_the_stake(
    steps: list[tuple[float, int, int, str]], read: float, rule: Rule, hours: bool
) -> None:
    """At every moment: at most 1.005 times what it would have cost, and a stake.

    No rule that ever writes can do without the latter: the very first request may be the last. It is twice what the
    longest prompt costs to write for five minutes, above plain input: half that prompt; six times this, one and a half
    prompts, once anything was written for an hour.
    """
    tag = Tag(rule, read, hours)
    talks: list[list[Any]] = [[("head", 3000), (f"talk{number}", 10)] for number in range(5)]
    at = 0.0
    for number, (gap, which, tokens, what) in enumerate(steps):
        at += gap
        talk = talks[which]
        if what == "on":
            talk.append((f"{number}", tokens))
        elif what == "edit" and len(talk) > 2:
            talk[len(talk) // 2 :] = [(f"{number}", tokens)]
        elif what == "new":
            talk[1:] = [(f"{number}", tokens)]
        elif what == "head":
            talk[0] = (f"head{number}", tokens)
        marks = tag.send(at, made(*talk, head=1))
        assert len(marks) <= 4
        stake = HOUR_STAKE if any(split.written_1h for split in tag.splits) else STAKE
        assert tag.cost <= tag.plain + tag.plain // SLACK + stake * tag.longest + len(tag.splits)


@pytest.mark.parametrize(
    ("family", "host", "means"),
    [
        ("anthropic", "api.anthropic.com", Means(marks=True, hours=True)),
        ("anthropic", "bedrock-runtime.us-east-1.amazonaws.com", Means(marks=True)),
        ("anthropic", "us-east5-aiplatform.googleapis.com", Means(marks=True)),
        ("anthropic", "aiplatform.googleapis.com", Means(marks=True)),
        ("anthropic", "api.anthropic.com.example", Means()),
        ("anthropic", "localhost", Means()),
        ("anthropic", "api.openai.com", Means()),
        ("openai", "api.openai.com", Means(key=True)),
        ("openai", "eu.api.openai.com", Means(key=True)),
        ("openai", "my.openai.azure.com", Means()),
        ("openai", "openrouter.ai", Means()),
        ("openai", "notapi.openai.com.example", Means()),
    ],
)
def test_what_each_host_understands(family: str, host: str, means: Means) -> None:
    assert means_of(family, Site("any", host, 443, host)) == means
