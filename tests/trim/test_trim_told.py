"""What calls say of what was left out of them: told by a provider with a prompt cache, and checked against its bill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from trim_clients import FLAVOURS, Clients
from trim_market_kit import agent, marked, turns
from trim_told_kit import Caching, asked, chat, done, records, trim, untrimmed

import tokeneff
from tokeneff.ledger import Ledger
from tokeneff.prices import Prices
from tokeneff.promptcache import Mark, Pieces, Split, rule_of
from tokeneff.testing import FakeProvider, faults
from tokeneff.trim.planning._gate import Course
from tokeneff.trim.planning._told import Flight, course_of


@pytest.fixture
def caching() -> Caching:
    return Caching()


@pytest.fixture
def provider(caching: Caching, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with FakeProvider(caching) as made:
        yield made


@pytest.fixture
def wrapped(bare: Clients) -> Callable[..., tuple[Any, Ledger]]:
    """Makes wrapped clients on the provider, each with a ledger of its own."""

    def make(sdk: str, flavour: str = "sync", **more: Any) -> tuple[Any, Ledger]:
        ledger = Ledger("memory://")
        more.setdefault("trim", trim())
        return tokeneff.wrap(bare(sdk, flavour), ledger=ledger, **more), ledger

    return make


SHOP = [chat(turn) for turn in range(1, 5)]
AGENT = [marked(body) for body in turns(agent([3] + [250] * 5 + [3] * 4))]
SHOP_READ = 2_432
"""Tokens of the first of these, in whole steps."""
KINDS = [pytest.param("openai", SHOP, id="chat"), pytest.param("anthropic", AGENT, id="messages")]


def near(value: int, true: int, part: float = 0.02) -> bool:
    return abs(value - true) <= part * abs(true)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("sdk", "bodies"), KINDS)
async def test_what_was_saved_is_what_the_bill_is_smaller_by(
    caching: Caching, wrapped: Any, sdk: str, bodies: list[Any], flavour: str
) -> None:
    client, ledger = wrapped(sdk, flavour)
    usage = {"stream_options": {"include_usage": True}} if (sdk, flavour) == ("openai", "async") else {}
    await asked(client, [{**body, **usage} for body in bodies], stream=flavour == "async")
    plain, found = untrimmed(bodies), records(ledger)
    assert sum(plain) > sum(caching.cost)
    assert near(sum(one.trim_realised or 0 for one in found), sum(plain) - sum(caching.cost))
    for one, paid, would in zip(found, caching.cost, plain, strict=True):
        assert one.trim_realised is not None
        assert one.trim_untrimmed is not None
        assert near(one.trim_untrimmed, would)
        assert one.trim_untrimmed - one.trim_realised == paid
        assert (one.trim == "trimmed") == bool(one.trim_edits) == bool(one.trim_tokens)
    cut = [one for one in found if one.trim == "trimmed"]
    assert {one.trim_source for one in cut} == {"simulated"}
    assert near(sum(one.trim_expected or 0 for one in cut), sum(one.trim_realised or 0 for one in cut), 0.25)
    assert len({one.trim_conversation for one in found}) == 1


async def test_the_turn_that_decides_says_what_its_conversation_is_to_save(wrapped: Any) -> None:
    client, ledger = wrapped("anthropic")
    await asked(client, AGENT)
    found = records(ledger)
    assert [bool(one.trim_gain) for one in found].count(True) == 1
    assert dict(next(one for one in found if one.trim_gain).trim_edits) == {"cleared": 5}


async def test_what_the_cache_has_lost_would_have_been_lost_untrimmed_as_well(caching: Caching, wrapped: Any) -> None:
    client, ledger = wrapped("openai")
    plain = Caching()
    for place, body in enumerate(SHOP):
        if place == 2:
            for each in (caching, plain):
                each.state = type(each.state)()
        plain.split(body)
        await asked(client, [body])
    found = records(ledger)
    for one, would in zip(found, plain.cost, strict=True):
        assert near(one.trim_untrimmed or 0, would, 0.04)
    # What it was thought to have held, it had not; with the next request that is known.
    assert not near(found[2].trim_expected or 0, found[2].trim_realised or 0, 0.3)


@pytest.mark.parametrize(
    ("read", "cut", "untrimmed_read"),
    [(5_000, True, 25_000), (2_000, True, 25_000), (2_000, False, 2_000), (0, True, 0), (0, False, 0)],
)
def test_where_we_have_changed_what_was_cached_the_cache_is_not_blamed(
    read: int, cut: bool, untrimmed_read: int
) -> None:
    rule, rates = rule_of("claude-opus-5", "anthropic"), Prices().rates("claude-opus-5", "anthropic")
    assert rates is not None
    plain = Pieces((b"h", b"1", b"2"), (5_000, 25_000, 26_000), (1, 2, 3), head=1, newest=2)
    first = Pieces(plain.chain[:2], plain.ends[:2], plain.blocks[:2], head=1, newest=1).marked([Mark(0), Mark(1)])
    plain = plain.marked([Mark(0), Mark(2)])
    ours = plain._replace(chain=(b"h", b"x", b"y"), ends=(5_000, 7_000, 8_000))
    before = Course().after(rule, rates, first, first, 0.0)
    flight = Flight((b"a", b"b"), rule, rates, plain, ours, 1.0, before, None, cut=cut)
    _, split = course_of(flight, Split(read=read, written=8_000 - read), 18_000)
    assert split == Split(read=untrimmed_read, written=26_000 - untrimmed_read)


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_what_never_reached_the_provider_is_not_thought_to_be_in_its_cache(
    caching: Caching, wrapped: Any, flavour: str
) -> None:
    client, ledger = wrapped("openai", flavour)
    await asked(client, SHOP[:1])
    caching.fails = 1
    with pytest.raises(Exception, match="500"):
        await asked(client, SHOP[1:2])
    await asked(client, SHOP[2:3])
    _, failed, last = records(ledger)
    assert (failed.ending, failed.trim, failed.trim_realised, failed.trim_untrimmed) == (
        "failed",
        "trimmed",
        None,
        None,
    )
    assert failed.trim_tokens_source == "estimated"
    assert last.cache_read == SHOP_READ
    assert near(last.trim_expected or 0, last.trim_realised or 0, 0.1)


async def test_what_was_refused_is_told_and_its_conversation_is_told_further(
    provider: FakeProvider, caching: Caching, wrapped: Any
) -> None:
    client, ledger = wrapped("openai")
    provider.default = lambda request: (
        caching(request) if '"price": 88.5' in request.json["messages"][-1]["content"] else faults.bad_request("no")
    )
    await asked(client, SHOP)
    found = records(ledger)
    assert [one.trim for one in found] == ["whole", "refused", "whole", "whole"]
    assert [one.trim_realised for one in found] == [0, 0, 0, 0]
    assert found[1].trim_edits == ()


async def test_conversations_are_held_out_whatever_their_system_prompt_is(wrapped: Any) -> None:
    client, ledger = wrapped("openai", trim=trim(holdout=0.5))
    for number in range(12):
        with tokeneff.tag(session=f"s{number}"):
            await asked(client, [chat(turn, rows=20) for turn in (1, 2)])
    bodies = [chat(1, rows=1) for _ in range(8)]
    for number, body in enumerate(bodies):
        body["messages"][1]["content"] = f"What is there in room {number}?"
    await asked(client, bodies)
    found = records(ledger)
    kinds = {one.trim_conversation: one.trim == "held out" for one in found}
    assert len(kinds) == 20
    assert {kinds[one.trim_conversation] for one in found[:24]} == {True, False}
    assert {kinds[one.trim_conversation] for one in found[24:]} == {True, False}
    assert all((one.trim == "held out") == kinds[one.trim_conversation] for one in found)
    for one in found:
        assert one.trim_baseline is not None
        if one.trim == "held out":
            assert (one.trim_realised, one.trim_edits) == (0, ())


async def test_accounts_are_of_what_was_sent(wrapped: Any) -> None:
    client, ledger = wrapped("anthropic")
    await asked(client, AGENT)
    found = records(ledger)
    last = found[-1]
    assert last.trim == "trimmed"
    parts = [getattr(last, name) for name in last._fields if name.startswith("in_")]
    assert sum(parts) == last.input_tokens
    assert (last.in_tool_results or 0) < (last.input_tokens or 0)
    cut = next(place for place, one in enumerate(found) if one.trim == "trimmed")
    assert found[cut].prefix_cause == "edited"
    assert {one.prefix_cause for one in found[1:cut] + found[cut + 1 :]} == {"none"}
    # What was learnt is of what was sent: the provider counts a quarter more than we do, also of what was trimmed.
    for one in found[3:]:
        assert near(one.counted or 0, one.input_tokens or 0, 0.03)
    assert len({one.session for one in found}) == 1


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_breakpoints_that_are_placed_further_down_are_counted_with(flavour: str) -> None:
    from trim_via_host import Host

    bodies = turns(agent([3] + [250] * 5 + [3] * 4, system=400))
    Caching()  # whose vocabularies are there now
    bills: list[int] = []
    for told in (None, trim()):
        ledger, kind = Ledger("memory://"), "Anthropic" if flavour == "sync" else "AsyncAnthropic"
        cache = tokeneff.Cache(None, prompt=True)
        client = tokeneff.wrap(Host().client(kind, wrapped=False), cache=cache, trim=told, ledger=ledger)
        await asked(client, bodies)
        await done(client.close())
        found = records(ledger)
        bills.append(sum((one.cost or 0) - (one.cost_output or 0) for one in found))
    assert near(sum(one.trim_realised or 0 for one in found), bills[0] - bills[1], 0.03)
    assert bills[0] > 1.05 * bills[1]


async def test_a_budget_holds_what_is_sent(provider: FakeProvider, wrapped: Any) -> None:
    body = chat(8)
    whole = tokeneff.count(body).input_tokens
    limit = tokeneff.Budget(tokens=whole)
    client, _ = wrapped("openai", trim=None, budget=limit)
    with pytest.raises(tokeneff.BudgetExceeded):
        await asked(client, [{**body, "max_completion_tokens": 500}])
    client, ledger = wrapped("openai", trim=trim(max_input_tokens=whole // 2), budget=limit)
    await asked(client, [{**body, "max_completion_tokens": 500}])
    assert [one.trim for one in records(ledger)] == ["trimmed"]
    assert len(provider.requests) == 1


async def test_a_report_tells_of_it(wrapped: Any) -> None:
    from tokeneff.report import report

    client, ledger = wrapped("openai", trim=trim(holdout=0.5))
    for number in range(6):
        with tokeneff.tag(session=f"s{number}"):
            await asked(client, [chat(turn, rows=30) for turn in (1, 2, 3)])
    found, told = records(ledger), report(ledger).trimming
    assert told is not None
    assert told.compared is not None
    kinds = [one.trim for one in found]
    counts = [told.trimmed, told.whole, told.refused, told.held_out]
    assert counts == [kinds.count(kind) for kind in ("trimmed", "whole", "refused", "held out")]
    assert told.realised == sum(one.trim_realised or 0 for one in found) > 0
    assert dict(told.edits)["json"] == 2 * told.conversations
    assert told.compared.method.startswith("too few conversations to say")
    assert told.compared.held_out.conversations + told.compared.trimmed.conversations == 6
