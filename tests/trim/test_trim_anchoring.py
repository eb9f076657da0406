"""A breakpoint of our own before what is left out: where there is room for it, and only in that request."""

from __future__ import annotations

import copy
import json
import uuid
from typing import Any

import pytest
from trim_market_kit import agent, marked, market, sent, turns

from tokeneff.promptcache import Mark, rule_of
from tokeneff.tokens import counter
from tokeneff.trim._validity import fault_of
from tokeneff.trim.planning._aligning import aligned
from tokeneff.trim.planning._anchoring import anchored, anchors_of

# Small ones at first, so that what is in the cache ends far before the first big one that is left out.
SIZES = [3] * 12 + [900, 900] + [3] * 12
RULE = rule_of("claude-opus-5", "anthropic")


def controls(body: Any) -> list[Any]:
    """All that is marked, in order, as it is without its mark."""
    found: list[Any] = []
    if isinstance(body, dict):
        if "cache_control" in body:
            found.append((body["cache_control"], json.dumps(bare(body))))
        for name in ("tools", "system", "messages", "content"):
            found += controls(body.get(name))
    elif isinstance(body, list):
        for item in body:
            found += controls(item)
    return found


def bare(value: Any) -> Any:
    """The same without breakpoints."""
    if isinstance(value, dict):
        return {key: bare(item) for key, item in value.items() if key != "cache_control"}
    return [bare(item) for item in value] if isinstance(value, list) else value


def through(bodies: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    place = market(f"memory://{uuid.uuid4().hex}")
    return [dict(sent(place, "messages", body, "anthropic", **more).body) for body in bodies]


@pytest.mark.parametrize("ttl", [None, "1h"])
def test_one_breakpoint_more_in_the_request_in_which_something_is_left_out(ttl: str | None) -> None:
    from anthropic.types import CacheControlEphemeralParam
    from pydantic import TypeAdapter

    types = TypeAdapter(CacheControlEphemeralParam)

    asked = [marked(body, ttl=ttl) for body in turns(agent(SIZES))]
    before = copy.deepcopy(asked)
    more: list[int] = []
    for body, made in zip(asked, through(asked), strict=True):
        own, all_marks = controls(body), controls(made)
        assert fault_of("messages", made) == ""
        assert [mark for mark in all_marks if mark in own] == own, "the caller's stay where they were"
        for control, _ in all_marks:
            assert types.validate_python(control).get("ttl") == ttl
        more.append(len(all_marks) - len(own))
    assert asked == before
    assert set(more) == {0, 1}
    first = more.index(1)
    assert made_shorter(asked[first], through(asked)[first])


def made_shorter(body: dict[str, Any], made: dict[str, Any]) -> bool:
    return len(json.dumps(made)) < len(json.dumps(body))


def test_what_is_marked_stands_before_the_first_edit() -> None:
    asked = [marked(body) for body in turns(agent(SIZES))]
    made = through(asked)
    place = next(at for at, (one, body) in enumerate(zip(made, asked, strict=True)) if len(controls(one)) > 2)
    sent_now, sent_before = made[place]["messages"], made[place - 1]["messages"]
    at = next(number for number, message in enumerate(sent_now[:-1]) if '"cache_control"' in json.dumps(message))
    assert bare(sent_now[: at + 1]) == bare(sent_before[: at + 1])
    edit = next(
        number
        for number, (one, other) in enumerate(zip(sent_now, sent_before, strict=False))
        if bare(one) != bare(other)
    )
    assert at < edit
    for later in made[place + 1 :]:
        assert len(controls(later)) == 2 or controls(later) != controls(made[place])
        assert bare(later["messages"][:at]) == bare(sent_now[:at])


def test_none_where_the_caller_sets_none_or_all() -> None:
    plain = turns(agent(SIZES))
    assert all(not controls(made) for made in through(plain))
    assert all(not controls(made) for made in through(plain, placed=True)), "they are set further down"
    full = [marked(body, back=(1, 3, 5)) for body in plain]
    for body, made in zip(full, through(full), strict=True):
        assert len(controls(made)) == len(controls(body))


def test_breakpoints_that_are_set_further_down_count() -> None:
    """Without any nothing is cached, and what is left out costs nothing; with them it does."""
    plain = turns(agent([3] * 4 + [60] * 16))
    sizes = [
        sum(len(json.dumps(made)) for made in found) for found in (through(plain), through(plain, placed=True), plain)
    ]
    assert sizes[0] < sizes[1] <= sizes[2]


def test_only_messages_of_the_user_that_take_one() -> None:
    body = marked(agent([3, 3, 3]))
    body["messages"][2]["content"][0]["content"] = [
        {"type": "text", "text": "deep", "cache_control": {"type": "ephemeral"}}
    ]
    pieces = aligned(counter().prompt("messages", body, body["model"]), "messages", body)
    first = len(pieces.chain) - len(body["messages"])
    assert anchors_of(body, pieces, RULE) == [first + number for number in (0, 2, 4, 6)]
    assert anchors_of(body, pieces, rule_of("gpt-5.6-sol", "openai")) == []
    body["messages"][4]["content"][0]["cache_control"] = {"type": "ephemeral"}
    assert anchors_of(body, pieces, RULE) == [], "four are most, wherever they are"


def test_what_a_provider_would_not_take_is_not_added() -> None:
    body = marked(agent([3, 3, 3]), ttl="1h")
    pieces = aligned(counter().prompt("messages", body, body["model"]), "messages", body)
    first = len(pieces.chain) - len(body["messages"])
    assert anchored(body, pieces, Mark(first)) is body, "five minutes before an hour"
    made = anchored(body, pieces, Mark(first, "1h"))
    assert made["messages"][0]["content"] == [
        {"type": "text", "text": "Find the fault.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ]
