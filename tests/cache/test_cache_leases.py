"""Leases in a store, by which one process asks for all: who takes one lets it go, and nobody else does."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from cache_lab import CHAT, FLAVOURS, Lab, ready, said

import tokeneff
from tokeneff.cache._place import Place, place_of, settled


@pytest.fixture
def cache(tmp_path: Path) -> tokeneff.Cache:
    return tokeneff.Cache(f"sqlite:///{tmp_path / 'cache.db'}")


def _place(cache: tokeneff.Cache) -> Place:
    found = place_of(cache)
    assert found is not None
    return found


async def test_who_gives_up_while_it_asks_for_its_turn_is_waited_for_by_nobody(
    lab: Lab, cache: tokeneff.Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, asked, goes_on = _place(cache), threading.Event(), threading.Event()
    kind: Any = type(place.store)
    lead, keys = kind.lead, list[bytes]()

    def slow(store: Any, key: bytes, owner: str, lease: int) -> bool:
        given = lead(store, key, owner, lease)
        keys.append(key)
        asked.set()
        assert goes_on.wait(30)
        return given

    client = lab.client("openai", "async", cache)
    with monkeypatch.context() as patched:
        patched.setattr(kind, "lead", slow)
        call = asyncio.create_task(CHAT.ask(client))
        assert await asyncio.to_thread(asked.wait, 30)
        assert place.store.leading(keys[0])
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        goes_on.set()
        for _ in range(200):
            if not place.store.leading(keys[0]):
                break
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    assert (place.store.leading(keys[0]), place._keeper._leads) == (False, {}), "nor is it renewed"
    await CHAT.ask(client)
    assert (lab.sent, said()) == (1, ("miss", ""))


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_who_finds_a_kept_reply_lets_nothing_go(
    lab: Lab, cache: tokeneff.Cache, flavour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, owners = _place(cache), list[str]()
    kind: Any = type(place.store)
    led = kind.led
    monkeypatch.setattr(kind, "led", lambda store, key, owner: (owners.append(owner), led(store, key, owner))[1])
    client = lab.client("openai", flavour, cache)
    told: list[Any] = []
    for _ in range(3):
        await ready(CHAT.ask(client))
        told.append((said()[0], len(owners)))
        await asyncio.to_thread(settled)
        told.append(len(owners))
    assert told[1:] == [1, ("hit", 1), 1, ("hit", 1), 1], "the one that asked has let its lease go"
