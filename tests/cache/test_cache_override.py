"""What holds inside a block: left out, asked anew, or from the cache alone."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from cache_lab import CHAT, FLAVOURS, WAYS, Lab, Way, read, ready, said

import tokeneff
from tokeneff.cache import _keeper
from tokeneff.cache._place import settled
from tokeneff.testing import Reply


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_bypass_leaves_the_cache_out(lab: Lab, flavour: str) -> None:
    client = lab.client("openai", flavour)
    with tokeneff.override(cache="bypass"):
        for number in (1, 2):
            await ready(CHAT.ask(client))
            assert (said(), lab.sent) == (("bypass", "override"), number)
    await ready(CHAT.ask(client))
    assert (said(), lab.sent) == (("miss", ""), 3)


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_refresh_asks_anew_and_keeps_that(lab: Lab, flavour: str) -> None:
    lab.provider.default = lambda request: Reply(text=f"reply {request.number}")
    client = lab.client("openai", flavour)
    await ready(CHAT.ask(client))
    async with tokeneff.override(cache="refresh"):
        reply = await ready(CHAT.ask(client))
    assert (reply.choices[0].message.content, said()[0]) == ("reply 2", "refresh")
    settled()
    reply = await ready(CHAT.ask(client))
    assert (reply.choices[0].message.content, said()[0], lab.sent) == ("reply 2", "hit", 2)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("stream", [False, True])
async def test_only_never_sends(lab: Lab, way: Way, flavour: str, stream: bool) -> None:
    client = lab.client(way.sdk, flavour)
    with tokeneff.override(cache="only"), pytest.raises(tokeneff.CacheMiss) as raised:
        await ready(way.ask(client, stream=stream))
    assert lab.sent == 0
    assert (raised.value.why, len(raised.value.key)) == ("", 12)
    assert str(raised.value) == (
        f"nothing is kept for this call (key {raised.value.key}); it was not sent, for it is inside "
        "tokeneff.override(cache='only')"
    )
    if stream:
        await read(way.ask(client, stream=True))
    else:
        await ready(way.ask(client))
    settled()
    with tokeneff.override(cache="only"):
        if stream:
            assert await read(way.ask(client, stream=True))
        else:
            assert await ready(way.ask(client))
    assert (said(), lab.sent) == (("hit", ""), 1)


async def test_only_says_why_a_call_has_no_place_in_the_cache(lab: Lab) -> None:
    client = lab.client("openai", "sync")
    with tokeneff.override(cache="only"), pytest.raises(tokeneff.CacheMiss, match="for this call: sampled") as raised:
        CHAT.ask(client, temperature=0.7)
    assert (raised.value.why, raised.value.key, lab.sent) == ("sampled", "", 0)


async def test_only_does_not_send_when_the_key_cannot_be_found(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokeneff.cache import _entering

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr(_entering, "key_of", fail)
    client = lab.client("openai", "sync")
    with tokeneff.override(cache="only"), pytest.raises(tokeneff.CacheMiss, match="fault"):
        CHAT.ask(client)
    assert lab.sent == 0
    CHAT.ask(client)
    assert (said(), lab.sent) == (("bypass", "fault"), 1)


async def test_only_serves_what_is_stale_and_renews_nothing(lab: Lab) -> None:
    client = lab.client("openai", "sync", {"ttl": 0.05, "stale": "1h"})
    CHAT.ask(client)
    settled()
    await asyncio.sleep(0.1)
    with tokeneff.override(cache="only"):
        CHAT.ask(client)
    assert said() == ("stale", "")
    await asyncio.sleep(0.05)
    assert lab.sent == 1


async def test_blocks_nest_and_hold_for_tasks_and_no_other_thread(lab: Lab) -> None:
    client, awaiting = lab.client("openai", "sync"), lab.client("openai", "async")
    with tokeneff.override(cache="bypass"):
        with tokeneff.override(cache=None):
            CHAT.ask(client)
            assert said() == ("miss", "")
        await asyncio.create_task(CHAT.ask(awaiting))
        assert lab.sent == 2
        thread = threading.Thread(target=CHAT.ask, args=(client,))
        thread.start()
        thread.join()
        assert lab.sent == 2

    @tokeneff.override(cache="refresh")
    async def again() -> Any:
        return await CHAT.ask(awaiting)

    await again()
    assert (said(), lab.sent) == (("refresh", ""), 3)


def test_what_is_not_known_is_said_at_once() -> None:
    with pytest.raises(ValueError, match=r"override\(cache='never'\) is not known; write one of 'bypass', 'refresh'"):
        tokeneff.override(cache="never")  # pyright: ignore[reportArgumentType]


async def test_a_client_without_a_cache_takes_no_notice(lab: Lab) -> None:
    client = tokeneff.wrap(lab.bare("openai", "sync"))
    with tokeneff.override(cache="only"):
        CHAT.ask(client)
    assert (said(), lab.sent) == (("none", ""), 1)


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_what_was_refreshed_is_served_at_once(lab: Lab, flavour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = lab.client("openai", flavour)
    lab.provider.queue(Reply(text="old"), Reply(text="new"))
    await ready(CHAT.ask(client))
    settled()
    held = threading.Event()
    monkeypatch.setattr(_keeper.Keeper, "_one", _held(_keeper.Keeper._one, held))
    try:
        with tokeneff.override(cache="refresh"):
            await ready(CHAT.ask(client))
        with tokeneff.override(cache="only"):
            again = await ready(CHAT.ask(client))
        assert again.choices[0].message.content == "new"
    finally:
        held.set()
    settled()
    assert (await ready(CHAT.ask(client))).choices[0].message.content == "new"
    assert lab.sent == 2


def _held(one: Any, until: threading.Event) -> Any:
    """A store that takes its time to keep something."""

    def held(self: Any, *job: Any) -> None:
        until.wait(30)
        one(self, *job)

    return held
