"""Equal calls that are on their way at once: one is sent, and the others are answered as it is."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from cache_lab import CHAT, FLAVOURS, GPT, SAID, WAYS, Lab, Way, each, fresh, read, ready, said

import tokeneff
from tokeneff.cache import _objects
from tokeneff.cache._feed import Feed
from tokeneff.cache._place import place_of, settled
from tokeneff.cache._tape import Tape
from tokeneff.testing import Reply, faults

SOAK = os.environ.get("TOKENEFF_SOAK") == "1"
MANY = 1000 if SOAK else 50
USAGE = {"stream_options": {"include_usage": True}}
"""Without which a stream of chat says nothing of it, and cannot answer who wants the whole."""
SLOW = faults.slow_first_byte(2.0 if SOAK else 0.5, SAID)


def _outcomes() -> str:
    call = tokeneff.last()
    assert call is not None
    assert call.served is not None
    return call.served.said


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("stream", [False, True])
async def test_threads_that_ask_the_same_at_once_send_it_once(lab: Lab, way: Way, stream: bool) -> None:
    lab.provider.default = SLOW
    client = lab.client(way.sdk, "sync")
    together = threading.Barrier(MANY)

    def ask() -> tuple[str, str]:
        together.wait()
        found = way.ask(client, stream=stream)
        told = repr([event.model_dump() for event in found]) if stream else repr(found.model_dump())
        return _outcomes(), told

    with ThreadPoolExecutor(MANY) as pool:
        found = [one.result(60) for one in [pool.submit(ask) for _ in range(MANY)]]
    assert lab.sent == 1
    told = [said for said, _ in found]
    assert (told.count("miss"), set(told)) == (1, {"miss", "shared"} if MANY < 100 else set(told) - {"bypass"})
    assert len({told for _, told in found}) == 1


@pytest.mark.parametrize("awaiting", [False, True])
async def test_who_comes_while_a_stream_that_was_read_is_judged_waits_for_that(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, awaiting: bool
) -> None:
    judged, judge = threading.Event(), Tape.finish

    def slowly(tape: Tape, reply: object) -> None:
        late.set()
        assert judged.wait(30)
        judge(tape, reply)  # pyright: ignore[reportArgumentType]

    late = threading.Event()
    monkeypatch.setattr(Tape, "finish", slowly)
    blocking, other = lab.client("openai", "sync"), lab.client("openai", "async" if awaiting else "sync")
    leader = asyncio.create_task(asyncio.to_thread(lambda: list(CHAT.ask(blocking, stream=True))))
    assert await asyncio.to_thread(late.wait, 30)
    if awaiting:
        follower = asyncio.create_task(read(CHAT.ask(other, stream=True)))
    else:
        follower = asyncio.create_task(asyncio.to_thread(lambda: list(CHAT.ask(other, stream=True))))
    await asyncio.sleep(0.1)  # it looks once more if it comes later than that: the same then
    judged.set()
    assert [event.model_dump() for event in await follower] == [event.model_dump() for event in await leader]
    assert lab.sent == 1


@pytest.mark.skipif(int(openai.VERSION.split(".")[0]) < 2, reason="openai 1 reads on to the end of the transfer")
async def test_a_stream_that_is_read_along_is_over_for_who_has_its_last_event(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its connection may still be open: that somebody else reads it to the end is not waited for."""
    closes, next_ = threading.Event(), Feed._next

    def open_at_the_end(feed: Feed) -> bytes:
        try:
            return next_(feed)
        except StopIteration:
            assert closes.wait(30)
            raise

    monkeypatch.setattr(Feed, "_next", open_at_the_end)
    client = lab.client("openai", "sync")
    leader = iter(CHAT.ask(client, stream=True))
    next(leader)
    follower = asyncio.create_task(asyncio.to_thread(lambda: [*CHAT.ask(client, stream=True), _outcomes()]))
    while "tokeneff-shared-reply" not in {one.name for one in threading.enumerate()}:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.01)
    rest = list(leader)
    told = _outcomes()
    closes.set()
    assert (told, (await follower)[1:]) == ("miss", [*rest, "shared"])


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("stream", [False, True])
async def test_tasks_that_ask_the_same_at_once_send_it_once(lab: Lab, way: Way, stream: bool) -> None:
    lab.provider.default = SLOW
    client = lab.client(way.sdk, "async")

    async def ask() -> tuple[str, str]:
        found = await way.ask(client, stream=stream)
        told = repr([event.model_dump() async for event in found]) if stream else repr(found.model_dump())
        return _outcomes(), told

    threads = threading.active_count()
    found = await asyncio.gather(*(ask() for _ in range(MANY)))
    assert threading.active_count() < threads + 20, "those who wait are no threads"
    assert lab.sent == 1
    told = [said for said, _ in found]
    assert (told.count("miss"), set(told)) == (1, {"miss", "shared"} if MANY < 100 else set(told) - {"bypass"})
    assert len({told for _, told in found}) == 1


async def test_a_whole_reply_is_shared_with_those_that_want_a_stream(lab: Lab) -> None:
    lab.provider.default = SLOW
    client = lab.client("openai", "async")
    whole, events = await asyncio.gather(CHAT.ask(client), read(CHAT.ask(client, stream=True)))
    assert lab.sent == 1
    text = "".join(event.choices[0].delta.content or "" for event in events if event.choices)
    assert text == whole.choices[0].message.content


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_followers_of_a_stream_get_chunks_as_they_come(lab: Lab, flavour: str) -> None:
    lab.provider.default = faults.slow_chunks(0.1, Reply(text="one two three four five six seven eight"))
    client = lab.client("openai", flavour)
    leader = await ready(CHAT.ask(client, stream=True))
    items = each(leader)
    await anext(items)
    follower = await ready(CHAT.ask(client, stream=True))
    first = await anext(each(follower))
    assert lab.sent == 1
    assert tokeneff.last() is None, "nobody is done"
    assert first.choices[0].delta.role == "assistant"
    rest = [event async for event in items]
    assert len(rest) > 3
    assert [event async for event in each(follower)][-1] == rest[-1]


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_follower_outlives_its_leader_s_caller(lab: Lab, flavour: str) -> None:
    lab.provider.default = faults.slow_chunks(0.05, Reply(text="one two three four five six"))
    client = lab.client("openai", flavour, budget=tokeneff.Budget(requests=1), store=fresh())
    leader = await ready(CHAT.ask(client, stream=True))
    items = each(leader)
    await anext(items)
    follower = await ready(CHAT.ask(client, stream=True))
    await anext(each(follower))
    await ready(leader.close())
    text = "".join([event.choices[0].delta.content or "" async for event in each(follower) if event.choices])
    assert "six" in text
    assert (lab.sent, said()[0]) == (1, "shared")


async def test_when_a_leader_fails_the_next_one_asks(lab: Lab) -> None:
    import openai

    def first_fails(request: Any) -> Any:
        time.sleep(0.3)
        return faults.server_error() if request.number == 1 else SAID

    lab.provider.default = first_fails
    client = lab.client("openai", "async")
    found = await asyncio.gather(*(CHAT.ask(client) for _ in range(20)), return_exceptions=True)
    failed = [one for one in found if isinstance(one, BaseException)]
    assert [type(one) for one in failed] == [openai.InternalServerError]
    assert lab.sent == 2


async def test_errors_that_stay_are_everybodys_own(lab: Lab) -> None:
    import openai

    def refuses(request: Any) -> Any:
        time.sleep(0.1)
        return faults.bad_request()

    lab.provider.default = refuses
    client = lab.client("openai", "async")
    began = time.monotonic()
    found = await asyncio.gather(*(CHAT.ask(client) for _ in range(20)), return_exceptions=True)
    assert {type(one) for one in found} == {openai.BadRequestError}
    assert lab.sent == 20
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("stream", [False, True])
async def test_when_a_leader_is_cancelled_the_next_one_asks(lab: Lab, stream: bool) -> None:
    lab.provider.default = SLOW
    client = lab.client("openai", "async")
    leader = asyncio.create_task(CHAT.ask(client, stream=stream))
    await asyncio.to_thread(lab.provider.wait_for, lambda provider: provider.request_count == 1)
    followers = [asyncio.create_task(CHAT.ask(client, stream=stream)) for _ in range(5)]
    await asyncio.sleep(0.05)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    found = await asyncio.gather(*followers)
    assert (len(found), lab.sent) == (5, 2)
    if stream:
        await asyncio.gather(*(read(one) for one in found))


async def test_a_follower_that_is_cancelled_disturbs_nobody(lab: Lab) -> None:
    lab.provider.default = SLOW
    client = lab.client("openai", "async")
    leader = asyncio.create_task(CHAT.ask(client))
    await asyncio.to_thread(lab.provider.wait_for, lambda provider: provider.request_count == 1)
    followers = [asyncio.create_task(CHAT.ask(client)) for _ in range(5)]
    await asyncio.sleep(0.05)
    followers[0].cancel()
    found = await asyncio.gather(leader, *followers, return_exceptions=True)
    assert [type(one).__name__ for one in found] == ["ChatCompletion", "CancelledError", *["ChatCompletion"] * 4]
    assert lab.sent == 1


async def test_a_wait_is_bounded(lab: Lab) -> None:
    lab.provider.queue(faults.slow_first_byte(2.0, Reply(text="late")))
    client = lab.client("openai", "async", {"wait": 0.2})
    leader = asyncio.create_task(CHAT.ask(client))
    await asyncio.to_thread(lab.provider.wait_for, lambda provider: provider.request_count == 1)
    follower = await CHAT.ask(client)
    assert (follower.choices[0].message.content, said(), lab.sent) == (SAID.text, ("miss", ""), 2)
    assert not leader.done()
    assert (await leader).choices[0].message.content == "late"


async def test_a_follower_spends_nothing_and_a_leader_s_refusal_is_its_own(lab: Lab) -> None:
    lab.provider.default = SLOW
    poor = lab.client("openai", "async", budget=tokeneff.Budget(usd="0.000000001"), store=fresh())
    rich = lab.client("openai", "async", budget=tokeneff.Budget(requests=1), store=fresh())
    leader = asyncio.create_task(CHAT.ask(rich))
    await asyncio.to_thread(lab.provider.wait_for, lambda provider: provider.request_count == 1)
    found = await asyncio.gather(CHAT.ask(poor), CHAT.ask(rich), leader)
    assert {one.choices[0].message.content for one in found} == {SAID.text}
    assert lab.sent == 1
    other = {"messages": [{"role": "user", "content": "Another one."}]}
    more = lab.client("openai", "async", budget=tokeneff.Budget(requests=5), store=fresh())
    mixed = await asyncio.gather(CHAT.ask(poor, **other), CHAT.ask(more, **other), return_exceptions=True)
    assert [type(one).__name__ for one in mixed] == ["BudgetExceeded", "ChatCompletion"]


async def test_replies_that_call_an_excluded_tool_are_not_shared(lab: Lab) -> None:
    lab.provider.default = SLOW
    tool = {"type": "function", "function": {"name": "send_mail", "parameters": {"type": "object", "properties": {}}}}
    client = lab.client("openai", "async", {"exclude_tools": "send_mail"})
    await asyncio.gather(*(CHAT.ask(client, tools=[tool]) for _ in range(3)))
    assert lab.sent == 3
    settled()
    await CHAT.ask(client, tools=[tool])
    assert (said(), lab.sent) == (("hit", ""), 3), "it called none, so it was kept"


async def test_calls_with_different_keys_do_not_wait_for_one_another(lab: Lab) -> None:
    lab.provider.default = SLOW
    client = lab.client("openai", "async")
    began = time.monotonic()
    asked = [{"messages": [{"role": "user", "content": f"{number}"}]} for number in range(8)]
    await asyncio.gather(*(CHAT.ask(client, **one) for one in asked))
    assert (lab.sent, time.monotonic() - began < 3) == (8, True)


async def test_nothing_is_left_of_flights(lab: Lab) -> None:
    client = lab.client("openai", "async")
    lab.provider.queue(faults.server_error(), faults.server_error())
    for _ in range(4):
        await asyncio.gather(CHAT.ask(client), read(CHAT.ask(client, stream=True)), return_exceptions=True)
    place = _place_of(lab)
    settled()
    assert len(place.flights) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
async def test_a_forked_child_waits_for_nobody(lab: Lab) -> None:
    lab.provider.default = lambda request: (
        faults.slow_first_byte(3.0, Reply(text="parent")) if request.number == 1 else SAID
    )
    client = lab.client("openai", "sync")
    thread = threading.Thread(target=CHAT.ask, args=(client,))
    thread.start()
    lab.provider.wait_for(lambda provider: provider.request_count == 1)
    code = await asyncio.to_thread(_in_child, lambda: CHAT.ask(lab.client("openai", "sync")))
    assert code == 0
    thread.join()
    assert lab.sent == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
async def test_a_forked_child_waits_for_no_lock_of_a_thread_that_stayed_behind(lab: Lab) -> None:
    locked, over = threading.Event(), threading.Event()

    def hold() -> None:
        with _objects._lock, _place_of(lab).flights._lock, _place_of(lab)._keeper._lock:
            locked.set()
            over.wait(60)

    client = lab.client("openai", "sync")
    client._client.event_hooks = {"request": [lambda request: None]}
    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait(60)
    try:
        assert await asyncio.to_thread(_in_child, lambda: _alarmed(lambda: CHAT.ask(client))) == 0
    finally:
        over.set()
        thread.join()


def _alarmed(work: Any) -> Any:
    signal.alarm(30)  # a new thread may come to have the name of the one that holds the lock
    return work()


def _timed(work: Any) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()
    thread.join(30)
    return found[0]


async def test_a_call_that_is_dropped_may_end_in_the_midst_of_another_s_beginning(lab: Lab) -> None:
    place = _place_of(lab)

    def both() -> bool:
        flight, leads = place.flights.join(bytes(32))
        with place.flights._lock, place._keeper._lock:
            place.flights.over(flight)
            place._keeper.led(flight.key, "owner")
        return leads

    assert _timed(both)


def _place_of(lab: Lab) -> Any:
    return place_of(tokeneff.Cache(lab.url))


def _in_child(work: Any) -> int:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        code = 1
        try:
            reply = work()
            code = 0 if reply.choices[0].message.content == SAID.text and reply.model == GPT else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_who_asks_the_same_in_the_midst_of_a_stream_does_not_wait_for_itself(
    lab: Lab, way: Way, flavour: str
) -> None:
    client = lab.client(way.sdk, flavour, {"wait": "60s"})
    began = time.monotonic()
    streamed = {"stream": True, **(USAGE if way is CHAT else {})}
    stream = await ready(way.ask(client, **streamed))
    events, inner = [], None
    async for event in each(stream):
        events.append(event)
        if inner is None:
            inner = await ready(way.ask(client))
            assert said() == ("shared", "")
            assert len(await read(way.ask(client, **streamed))) > 1
            assert said() == ("shared", "")
    assert time.monotonic() - began < 30
    settled()
    assert (await ready(way.ask(client))).model_dump() == inner.model_dump()
    assert [event.model_dump() for event in await read(way.ask(client, **streamed))] == [
        event.model_dump() for event in events
    ]
    assert lab.sent == 1


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_stream_that_nobody_reads_on_holds_nobody_up(lab: Lab, flavour: str) -> None:
    client = lab.client("openai", flavour, {"wait": "60s"})
    began = time.monotonic()
    stream = await ready(CHAT.ask(client, stream=True, **USAGE))
    replies = [await ready(CHAT.ask(client)) for _ in range(3)]
    assert time.monotonic() - began < 30
    assert {reply.choices[0].message.content for reply in replies} == {"Once upon a time"}
    await ready(stream.close())
    settled()
    await ready(CHAT.ask(client))
    assert (said(), lab.sent) == (("hit", ""), 1)
    assert tokeneff.usage(client).total.calls == 5


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_what_was_kept_and_is_gone_is_asked_for_at_once(lab: Lab, flavour: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'cache.db'}"
    one, other = (
        lab.client("openai", flavour, tokeneff.Cache(url, wait="60s", max_size=size)) for size in ("1MB", "2MB")
    )
    await ready(CHAT.ask(one))
    settled()
    place = place_of(tokeneff.Cache(url, wait="60s", max_size="1MB"))
    assert place is not None
    assert place.store.purge() == 1
    began = time.monotonic()
    await ready(CHAT.ask(other))
    assert (said(), lab.sent) == (("miss", ""), 2)
    assert time.monotonic() - began < 30


async def test_who_has_waited_in_vain_keeps_no_stream_open(lab: Lab) -> None:
    lab.provider.queue(faults.slow_chunks(0.5, Reply(text=" ".join(map(str, range(200))))))
    client = lab.client("openai", "sync", {"wait": 0.3})
    stream = CHAT.ask(client, stream=True)
    next(iter(stream))
    assert CHAT.ask(client).choices[0].message.content == SAID.text
    assert said() == ("miss", "")
    stream.close()
    lab.provider.wait_for(lambda provider: provider.disconnects == 1)
