"""Calls answered from what was kept: which, with what, for whom, and when not."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from cache_lab import ASKED, CHAT, COST, FLAVOURS, GPT, SAID, WAYS, Lab, Way, fresh, read, ready, said

import tokeneff
from tokeneff.cache import _place, _renewing, normalised
from tokeneff.cache._place import settled
from tokeneff.testing import Reply, ToolCall, Usage, faults


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_an_equal_call_is_answered_from_what_was_kept(lab: Lab, way: Way, flavour: str) -> None:
    client = lab.client(way.sdk, flavour)
    first = await ready(way.ask(client))
    assert (said(), lab.sent) == (("miss", ""), 1)
    second = await ready(way.ask(client))
    assert (said(), lab.sent) == (("hit", ""), 1)
    assert type(second) is type(first)
    assert second.model_dump() == first.model_dump()
    settled()
    assert (await ready(way.ask(client))).model_dump() == first.model_dump()
    call = tokeneff.last()
    assert call is not None
    assert call.served is not None
    assert (call.nano_usd, call.tokens.input_tokens, call.tokens.output_tokens) == (0, 0, 0)
    assert call.served.saved is not None
    assert (call.served.saved[:5], call.served.key) == ((way.name, way.model, 20, 5, COST[way.model]), _key(call))
    assert lab.sent == 1


def _key(call: Any) -> str:
    return call.served.key if len(call.served.key) == 12 and int(call.served.key, 16) else "none"


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_stream_is_served_as_a_stream(lab: Lab, way: Way, flavour: str) -> None:
    client = lab.client(way.sdk, flavour)
    first = await read(way.ask(client, stream=True))
    assert said() == ("miss", "")
    settled()
    second = await read(way.ask(client, stream=True))
    assert (said(), lab.sent) == (("hit", ""), 1)
    assert [(type(event), event.model_dump()) for event in second] == [
        (type(event), event.model_dump()) for event in first
    ]


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_what_was_kept_whole_is_served_as_a_stream(lab: Lab, flavour: str) -> None:
    client = lab.client("openai", flavour)
    whole = await ready(CHAT.ask(client))
    events = await read(CHAT.ask(client, stream=True))
    assert (said(), lab.sent) == (("hit", ""), 1)
    text = "".join(event.choices[0].delta.content or "" for event in events if event.choices)
    assert text == whole.choices[0].message.content


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_two_clients_of_one_store_share_their_replies(lab: Lab, flavour: str) -> None:
    await ready(CHAT.ask(lab.client("openai", flavour)))
    await ready(CHAT.ask(lab.client("openai", "sync" if flavour == "async" else "async")))
    assert (said(), lab.sent) == (("hit", ""), 1)


@pytest.mark.parametrize(
    ("options", "asked", "why"),
    [
        ({}, {"temperature": 0.7}, "sampled"),
        ({}, {"temperature": None}, "sampled"),
        ({"when": lambda call: call.model != GPT}, {}, "when"),
        ({"when": lambda call: 1 / 0}, {}, "when"),
        ({"by": "tenant"}, {}, "no tag tenant"),
    ],
)
async def test_what_is_left_out_says_why_and_is_sent_each_time(
    lab: Lab, options: dict[str, Any], asked: dict[str, Any], why: str
) -> None:
    client = lab.client("openai", "sync", options)
    given = {key: value for key, value in {"temperature": 0, **asked}.items() if value is not None}
    for _ in range(2):
        client.chat.completions.create(model=GPT, messages=ASKED, **given)
        assert said() == ("bypass", why)
    assert lab.sent == 2


async def test_calls_that_are_no_model_work_are_none_of_its_business(lab: Lab) -> None:
    client = lab.client("openai", "sync")
    client.models.list()
    assert said() == ("none", "")
    assert tokeneff.usage(client).total.hits == 0


@pytest.mark.parametrize(
    ("options", "kept"), [({"when": "always"}, True), ({"when": lambda call: call.body["temperature"] == 0.7}, True)]
)
async def test_sampled_calls_are_kept_where_asked(lab: Lab, options: dict[str, Any], kept: bool) -> None:
    client = lab.client("openai", "sync", options)
    for _ in range(2):
        CHAT.ask(client, temperature=0.7)
    assert (said()[0] == "hit") is kept


async def test_a_pool_of_several_replies_is_filled_and_drawn_from(lab: Lab) -> None:
    lab.provider.default = lambda request: Reply(text=f"reply {request.number}")
    client = lab.client("openai", "sync", {"n_samples": 3})
    texts = [CHAT.ask(client, temperature=0.7).choices[0].message.content for _ in range(60)]
    assert lab.sent == 3
    assert sorted(set(texts)) == ["reply 1", "reply 2", "reply 3"]
    assert all(texts.count(text) > 5 for text in set(texts))
    for _ in range(5):
        CHAT.ask(client)  # temperature 0: there is one reply to that
    assert lab.sent == 4


@pytest.mark.parametrize(
    ("reply", "options", "why"),
    [
        (Reply(text="Once", finish_reason="length"), {}, "truncated"),
        (Reply(text="Once", finish_reason="length"), {"truncated": True}, ""),
        (Reply(text="", finish_reason="content_filter"), {}, "content filter"),
        (Reply(tool_calls=(ToolCall("send_mail", "{}"),)), {"exclude_tools": "send_mail"}, "excluded tool"),
        (Reply(tool_calls=(ToolCall("look_up", "{}"),)), {"exclude_tools": "send_mail"}, ""),
    ],
)
async def test_replies_that_are_not_good_are_not_kept(
    lab: Lab, reply: Reply, options: dict[str, Any], why: str
) -> None:
    client = lab.client("openai", "sync", options)
    for number in range(2):
        lab.provider.queue(reply)
        CHAT.ask(client)
        assert said() == ("hit" if number and not why else "miss", why if not number or why else "")


async def test_errors_reach_the_caller_and_are_not_kept(lab: Lab) -> None:
    import openai

    client = lab.client("openai", "sync")
    for number in (1, 2):
        lab.provider.queue(faults.server_error())
        with pytest.raises(openai.InternalServerError):
            CHAT.ask(client)
        assert (said(), lab.sent) == (("miss", "failed"), number)
    CHAT.ask(client)
    assert said() == ("miss", "")


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_stream_that_was_broken_off_is_not_kept(lab: Lab, flavour: str) -> None:
    client = lab.client("openai", flavour)
    lab.provider.default = Reply(text="Once upon a time " * 50)
    stream = await ready(CHAT.ask(client, stream=True))
    if flavour == "sync":
        next(iter(stream))
    else:
        await anext(aiter(stream))
    await ready(stream.close())
    assert said() == ("miss", "broken off")
    await read(CHAT.ask(client, stream=True))
    assert (said(), lab.sent) == (("miss", ""), 2)


async def test_a_reply_is_served_for_its_time(lab: Lab) -> None:
    client = lab.client("openai", "sync", {"ttl": 0.3})
    CHAT.ask(client)
    settled()
    CHAT.ask(client)
    assert said() == ("hit", "")
    await asyncio.sleep(0.35)
    CHAT.ask(client)
    assert (said(), lab.sent) == (("miss", ""), 2)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_stale_is_served_while_one_call_renews_it(lab: Lab, flavour: str, stream: bool) -> None:
    goes_on = threading.Event()

    def reply(request: Any) -> Reply:
        assert request.number == 1 or goes_on.wait(30)
        return Reply(text=f"reply {request.number}")

    lab.provider.default = reply
    client = lab.client("openai", flavour, {"ttl": 0.2, "stale": "1h"})

    async def text() -> str:
        if not stream:
            return (await ready(CHAT.ask(client))).choices[0].message.content
        events = await read(CHAT.ask(client, stream=True))
        return "".join(event.choices[0].delta.content or "" for event in events if event.choices)

    assert await text() == "reply 1"
    settled()
    await asyncio.sleep(0.25)
    assert (await text(), said()[0]) == ("reply 1", "stale")
    while lab.sent < 2:
        await ready(_pause(flavour))
    assert [(await text(), said()[0], lab.sent) for _ in range(3)] == [("reply 1", "stale", 2)] * 3
    goes_on.set()
    for _ in range(200):
        if (now := await text()) != "reply 1":
            break
        await ready(_pause(flavour))
    assert now in [f"reply {number}" for number in range(2, lab.sent + 1)]
    for _ in range(200):  # the last renewal may be on its way
        usage = tokeneff.usage(client).total
        if usage.calls - usage.hits == lab.sent:
            break
        await ready(_pause(flavour))
    assert usage.calls - usage.hits == lab.sent, "a renewal is a call like any other"


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_what_is_stale_again_is_renewed_again(lab: Lab, flavour: str) -> None:
    client = lab.client("openai", flavour, {"ttl": 0.05, "stale": "1h"})
    until = time.monotonic() + 60
    while lab.sent < 4 and time.monotonic() < until:
        await ready(CHAT.ask(client))
        await ready(_pause(flavour))
    assert lab.sent >= 4


def _pause(flavour: str) -> Any:
    return time.sleep(0.01) if flavour == "sync" else asyncio.sleep(0.01)


async def test_how_old_a_reply_may_be_is_for_who_asks_to_say(lab: Lab) -> None:
    CHAT.ask(lab.client("openai", "sync"))
    settled()
    await asyncio.sleep(1.1)
    CHAT.ask(lab.client("openai", "sync", {"ttl": 1}))  # which is how long it is kept then, for everybody
    assert (said(), lab.sent) == (("miss", ""), 2)
    CHAT.ask(lab.client("openai", "sync", {"ttl": "1h"}))
    assert (said(), lab.sent) == (("hit", ""), 2)


async def test_a_renewal_has_the_request_as_it_was_asked(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(threading.Thread):
        def run(self) -> None:
            time.sleep(0.2)
            super().run()

    monkeypatch.setattr(_renewing.threading, "Thread", Late)
    client = lab.client("openai", "sync", {"ttl": 0.1, "stale": "1h"})
    messages = [dict(ASKED[0])]
    CHAT.ask(client, messages=messages)
    settled()
    await asyncio.sleep(0.15)
    CHAT.ask(client, messages=messages)
    messages[0]["content"] = "Something else."
    lab.provider.wait_for(lambda provider: provider.request_count == 2)
    assert lab.provider.requests[1].json["messages"] == ASKED


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_hits_cost_no_budget(lab: Lab, flavour: str) -> None:
    client = lab.client("openai", flavour, budget=tokeneff.Budget(requests=1), store=fresh())
    for _ in range(3):
        await ready(CHAT.ask(client))
    with pytest.raises(tokeneff.BudgetExceeded):
        await ready(CHAT.ask(client, messages=[{"role": "user", "content": "Another one."}]))
    assert lab.sent == 1


async def test_a_refusal_by_a_budget_reaches_the_caller(lab: Lab) -> None:
    client = lab.client("openai", "sync", budget=tokeneff.Budget(usd="0.000000001"), store=fresh())
    for _ in range(2):
        with pytest.raises(tokeneff.BudgetExceeded):
            CHAT.ask(client)
        assert said() == ("miss", "refused")
    assert lab.sent == 0


async def test_a_value_that_is_damaged_is_a_miss_and_gone(lab: Lab) -> None:
    client = lab.client("openai", "sync")
    CHAT.ask(client)
    settled()
    store = _place.place_of(tokeneff.Cache(lab.url)).store  # pyright: ignore[reportOptionalMemberAccess]
    (entry,) = store.entries()
    store.put(entry.key, b"nonsense", entry.labels, None)
    with tokeneff.override(cache="only"), pytest.raises(tokeneff.CacheMiss):
        CHAT.ask(client)
    assert list(store.entries()) == []
    store.put(entry.key, b"nonsense", entry.labels, None)
    CHAT.ask(client)
    assert (said(), lab.sent) == (("miss", ""), 2)
    settled()
    CHAT.ask(client)
    assert said() == ("hit", "")


class _Broken:
    """A store of which everything fails."""

    url = "broken://"
    instant = False

    def __getattr__(self, name: str) -> Any:
        def fail(*_: Any, **__: Any) -> Any:
            raise OSError("broken")

        return fail


@pytest.mark.parametrize("instant", [False, True])
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_store_that_fails_costs_no_call(lab: Lab, flavour: str, instant: bool) -> None:
    store = _Broken()
    store.instant = instant
    client = lab.client("openai", flavour, tokeneff.Cache(store))
    for number in (1, 2):
        assert (await ready(CHAT.ask(client))).choices[0].message.content == SAID.text
        settled()
        assert lab.sent == number


async def test_settings_with_a_cache_are_pickled(lab: Lab) -> None:
    client = lab.client("openai", "sync", {"when": lambda call: True, "ttl": "1d"})
    from tokeneff._settings import settings_of

    again = pickle.loads(pickle.dumps(settings_of(client)))
    assert again.arguments["cache"] == tokeneff.Cache(lab.url, ttl="1d")
    kept = tokeneff.Cache(lab.url, key="q" * 43 + "=") if _has_cryptography() else tokeneff.Cache(lab.url)
    assert pickle.loads(pickle.dumps(kept)) == kept
    assert "qqq" not in repr(kept)


def _has_cryptography() -> bool:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        return False
    return True


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"ttl": "soon"}, "ttl='soon' is no span of time; write ttl='1d', a timedelta, or seconds"),
        ({"stale": "1h"}, "stale='1h' is the time after ttl=, and there is none; write ttl='1d' as well"),
        ({"by": "a b"}, "by='a b': 'a b' is no name of a tag, as tokeneff.tag(user=…) has them"),
        ({"when": "sometimes"}, "when='sometimes' is not known; write one of 'deterministic', 'always'"),
        ({"when": 3}, "when= takes 'deterministic', 'always' or a function of a call, not 3"),
        ({"n_samples": 0}, "n_samples=0: write a whole number from 1 to 1,000"),
        ({"max_size": "big"}, "max_size='big' is no size; write max_size='256MB', '1GiB', or a number of bytes"),
        ({"pace": "slow"}, "pace='slow' is not known; write one of 'at once', 'recorded'"),
        ({"truncated": 1}, "truncated= takes True or False, not 1"),
        ({"exclude_tools": [3]}, "exclude_tools= takes names, as exclude_tools=('send_email',); 3 is none"),
        ({"account": ""}, "account='' says nothing; write whose replies these are, as account='production'"),
        ({"store": None}, "Cache(None) keeps nothing; write a store, as Cache('memory://'), or prompt=True"),
        ({"store": 3}, "store= takes a URL, as 'sqlite:///cache.db', or an opened store of replies, not a value of"),
        ({"wait": "2d"}, "wait='2d' is longer than a day; write wait='30s' or the like"),
        ({"key": 3}, "key= takes 32 bytes as base64, or several such keys, the newest first"),
        ({"semantic": 3}, "semantic= takes a tokeneff.Semantic(encoder, max_false_hits=0.01), not 3"),
    ],
)
def test_what_is_wrong_is_said_at_once(given: dict[str, Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError)) as raised:
        tokeneff.Cache(**given)
    assert str(raised.value).startswith(text)


def test_a_cache_can_be_named_in_short() -> None:
    assert normalised(True) == tokeneff.Cache() == tokeneff.Cache("memory://")
    assert normalised("sqlite:///a.db") == tokeneff.Cache("sqlite:///a.db")
    assert normalised(False) is normalised(None) is None
    with pytest.raises(TypeError, match=r"cache= takes a tokeneff\.Cache, the URL of a store"):
        normalised(3)
    assert repr(tokeneff.Cache("redis://u:secret@h/0", ttl=90, by="tenant", max_size="1GiB")) == (
        "Cache(store='redis://****@h/0', ttl='1m30s', by=('tenant',), max_size=1073741824)"
    )
    assert hash(tokeneff.Cache()) == hash(tokeneff.Cache())
    with pytest.raises(AttributeError):
        tokeneff.Cache().ttl = 3  # pyright: ignore[reportAttributeAccessIssue]


def test_without_a_cache_nothing_of_it_is_loaded() -> None:
    code = """
import sys, tokeneff
from openai import OpenAI
client = tokeneff.wrap(OpenAI(api_key="k"))
assert len(client._tokeneff.policies) == 3
loaded = [name for name in sys.modules if name.startswith("tokeneff.cache")]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_usage_counts_hits(lab: Lab) -> None:
    client = lab.client("openai", "sync")
    for _ in range(3):
        CHAT.ask(client)
    total = tokeneff.usage(client).total
    assert (total.calls, total.hits, total.input_tokens, total.output_tokens) == (3, 2, 20, 5)
    assert (total.nano_usd, total.saved_nano_usd) == (COST[GPT], 2 * COST[GPT])
    assert "calls answered from the cache: 2, which saved $ 0.0000320" in str(tokeneff.usage(client))


async def test_usage_that_nobody_counted_is_estimated_in_what_is_saved(lab: Lab) -> None:
    lab.provider.default = Reply(text="Once upon a time", usage=Usage(input_tokens=20, output_tokens=5))
    client = lab.client("openai", "sync", stream_usage="off")
    await read(CHAT.ask(client, stream=True))
    settled()
    await read(CHAT.ask(client, stream=True))
    call = tokeneff.last()
    assert call is not None
    assert call.served is not None
    assert call.served.said == "hit"
    assert call.served.saved is not None
    assert call.served.saved.estimated
