"""A stream that several calls read as it comes, whatever becomes of the call that asked for it."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, cast

import pytest
from cache_replay_kit import HELLO, PATIENCE, Reader, Sharing, asked, client_of, place, plain

from tokeneff._adrive import adrive
from tokeneff._drive import Sent
from tokeneff._flow import Outcome, Run, Wait, forward
from tokeneff.testing import FakeProvider, Reply, faults

SDKS = ("openai", "anthropic")
FLAVOURS = ("sync", "async")
WORDS = [f"w{number} " for number in range(12)]
SLOW = faults.slow_chunks(0.02, Reply(chunks=WORDS))
PAIRS = list(itertools.product(SDKS, FLAVOURS, FLAVOURS))


class Lab:
    """A provider, and readers whose calls are shared."""

    def __init__(self) -> None:
        self.provider = FakeProvider(SLOW)
        self.sharing = Sharing()
        self._readers: list[Reader] = []

    def reader(self, sdk: str, flavour: str, **options: Any) -> Reader:
        made = Reader(client_of(sdk, flavour, self.provider, self.sharing.policy, **options), flavour)
        self._readers.append(made)
        return made

    def close(self) -> None:
        for reader in self._readers:
            reader.end()
        self.provider.close()


@pytest.fixture
def live() -> Iterator[Lab]:
    lab = Lab()
    yield lab
    lab.close()


def began(lab: Lab, sdk: str, leads: str, follows: str, **options: Any) -> tuple[Reader, Reader, list[Any]]:
    """A leader that has read an event, and a follower that has begun; with what the leader has read."""
    leader, follower = lab.reader(sdk, leads), lab.reader(sdk, follows, **options)
    leader.open().result(PATIENCE)
    read = [leader.next().result(PATIENCE)]
    opening = follower.open()
    while not opening.done():  # under asyncio, a follower begins with the leader's next event
        read.append(leader.next().result(PATIENCE))
    opening.result(PATIENCE)
    return leader, follower, read


def words(events: list[Any]) -> str:
    """What a stream says."""
    said: list[str] = []
    for event in events:
        if "choices" in event:
            said += [choice["delta"].get("content") or "" for choice in event["choices"]]
        elif event["type"] == "content_block_delta":
            said.append(event["delta"]["text"])
    return "".join(said)


@pytest.mark.parametrize(("sdk", "leads", "follows"), PAIRS)
def test_followers_get_what_the_leader_gets(live: Lab, sdk: str, leads: str, follows: str) -> None:
    leader, follower, read = began(live, sdk, leads, follows)
    second = live.reader(sdk, follows)
    opening = second.open()
    whole, followed = leader.rest(), follower.rest()
    opening.result(PATIENCE)

    events = [*read, *whole.result(PATIENCE)]

    assert words(events) == "".join(WORDS)
    assert followed.result(PATIENCE) == second.rest().result(PATIENCE) == events
    assert live.provider.request_count == 1
    assert [outcome.ending for outcome in (*live.sharing.led, *live.sharing.followed)] == ["read"] * 3
    assert live.sharing.tape is not None
    assert live.sharing.tape.reply is not None
    assert live.sharing.tape.followers == 0


def closed(leader: Reader) -> None:
    leader.close().result(PATIENCE)


def dropped(leader: Reader) -> None:
    leader.drop().result(PATIENCE)


def cancelled(leader: Reader) -> None:
    reading = leader.rest()
    time.sleep(0.03)
    leader.cancel()
    with pytest.raises(CancelledError):
        reading.result(PATIENCE)


LEAVINGS = [(closed, "sync"), (closed, "async"), (dropped, "sync"), (dropped, "async"), (cancelled, "async")]


@pytest.mark.parametrize("follows", FLAVOURS)
@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize(("leave", "leads"), LEAVINGS, ids=lambda value: getattr(value, "__name__", value))
def test_a_leader_that_leaves_takes_nothing_from_its_followers(
    live: Lab, leave: Callable[[Reader], None], leads: str, sdk: str, follows: str
) -> None:
    leader, follower, _ = began(live, sdk, leads, follows)
    leave(leader)
    assert live.sharing.led == []  # it is over when those that read it have it all

    events = follower.rest().result(PATIENCE)

    assert words(events) == "".join(WORDS)
    tape = live.sharing.tape
    assert tape is not None
    assert tape.done.result(PATIENCE) is not None
    (outcome,) = until(lambda: live.sharing.led)
    assert outcome.ending == ("cancelled" if leave is cancelled else "read")
    assert outcome.tokens.output_source == ("estimated" if sdk == "openai" else "provider")
    assert outcome.facts.written is not None
    assert outcome.facts.written.text == "".join(WORDS)
    assert live.provider.disconnects == 0


def until(look: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.005)
    return found


@pytest.mark.parametrize(("sdk", "leads", "follows"), PAIRS)
def test_all_of_them_leave_and_the_connection_is_closed(live: Lab, sdk: str, leads: str, follows: str) -> None:
    live.provider.default = faults.slow_chunks(0.02, Reply(chunks=["w "] * 2000))
    leader, follower, _ = began(live, sdk, leads, follows)
    closed(leader)
    closed(follower)

    live.provider.wait_for(lambda provider: provider.disconnects == 1)
    (outcome,) = until(lambda: live.sharing.led)
    assert outcome.ending == "broken_off"
    assert live.sharing.tape is not None
    assert live.sharing.tape.done.result(PATIENCE) is None


@pytest.mark.parametrize(("sdk", "leads", "follows"), PAIRS)
def test_a_lost_connection_is_lost_to_all(live: Lab, sdk: str, leads: str, follows: str) -> None:
    live.provider.default = faults.cut(8, SLOW)
    leader, follower, _ = began(live, sdk, leads, follows)
    mine, theirs = leader.rest(), follower.rest()

    raised = [error_of(reading) for reading in (mine, theirs)]

    assert raised[0] == raised[1]
    assert live.sharing.led[0].ending == "failed"
    assert live.sharing.followed[0].ending == "failed"
    assert live.sharing.led[0].failure == live.sharing.followed[0].failure
    assert live.sharing.tape is not None
    assert live.sharing.tape.reply is None


def error_of(reading: Any) -> Any:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - compared
        reading.result(PATIENCE)
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize(("sdk", "leads", "follows"), PAIRS)
def test_a_leader_that_does_not_read_holds_nobody_up(live: Lab, sdk: str, leads: str, follows: str) -> None:
    leader, follower, read = began(live, sdk, leads, follows)

    events = follower.rest().result(PATIENCE)

    assert words(events) == "".join(WORDS)
    assert [*read, *leader.rest().result(PATIENCE)] == events
    assert live.provider.request_count == 1


@pytest.mark.parametrize("leads", FLAVOURS)
@pytest.mark.parametrize("sdk", SDKS)
def test_a_lost_reply_is_asked_for_again_by_who_has_nothing_of_it(live: Lab, sdk: str, leads: str) -> None:
    leader, late = live.reader(sdk, leads), live.reader(sdk, "sync")
    leader.open().result(PATIENCE)
    leader.next().result(PATIENCE)
    closed(leader)

    late.open().result(PATIENCE)

    assert words(late.rest().result(PATIENCE)) == "".join(WORDS)
    assert live.sharing.alone == 1
    assert live.provider.request_count == 2


@pytest.mark.parametrize("leads", FLAVOURS)
def test_what_is_too_large_is_not_recorded(live: Lab, leads: str) -> None:
    live.sharing = Sharing(max_bytes=1000)
    leader, late = live.reader("openai", leads), live.reader("openai", "sync")
    leader.open().result(PATIENCE)
    until(lambda: leader.next().result(PATIENCE) is None or full(live))
    late.open().result(PATIENCE)

    leader.rest().result(PATIENCE)

    assert words(late.rest().result(PATIENCE)) == "".join(WORDS)
    tape = live.sharing.tape
    assert tape is not None
    assert (tape.chunks, tape.reply, live.sharing.alone) == ([], None, 1)


def full(live: Lab) -> bool:
    return live.sharing.tape is not None and live.sharing.tape.full


@pytest.mark.parametrize(("sdk", "leads", "follows"), PAIRS)
def test_a_follower_waits_as_long_as_for_a_connection_of_its_own(live: Lab, sdk: str, leads: str, follows: str) -> None:
    live.provider.default = faults.slow_chunks(0.6, Reply(chunks=WORDS))
    leader, follower = live.reader(sdk, leads), live.reader(sdk, follows, timeout=0.2)
    leader.open().result(PATIENCE)
    opening = follower.open()
    while not opening.done():
        leader.next().result(PATIENCE)

    error = error_of(follower.rest())

    assert error[0].__name__ in ("APITimeoutError", "ReadTimeout")
    closed(leader)


def test_a_loop_that_ends_takes_its_replies_with_it(live: Lab) -> None:
    leader, follower, _ = began(live, "openai", "async", "sync")

    async def end() -> None:
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()

    asyncio.run_coroutine_threadsafe(end(), leader.loop).result(PATIENCE)

    assert error_of(follower.rest())[0].__name__ in ("APIConnectionError", "RemoteProtocolError")  # by line of the SDK
    closed(leader)
    assert until(lambda: live.sharing.led)[0].ending in ("failed", "broken_off")


async def test_a_thousand_wait_for_one_without_a_thread() -> None:
    future: Future[int] = Future()
    before = threading.active_count()

    def waiting(call: Any) -> Any:
        yield Wait(future, PATIENCE)
        return (yield from forward(call))

    async def send(call: Any) -> Sent:
        return Sent("the reply", outcome=Outcome("read", 0.0, 0.0))

    call = cast("Any", None)
    tasks = [asyncio.ensure_future(adrive(Run([waiting], call), send)) for _ in range(1000)]
    await asyncio.sleep(0.01)
    threads = threading.active_count() - before
    tasks[0].cancel()
    await asyncio.to_thread(future.set_result, 7)

    assert await asyncio.gather(*tasks[1:]) == ["the reply"] * 999
    assert threads == 0
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]


async def test_waiting_in_vain_ends_in_time() -> None:
    seen: list[str] = []

    def waiting(call: Any) -> Any:
        try:
            yield Wait(Future(), 0.02)
        except TimeoutError:
            seen.append("in vain")
        return (yield from forward(call))

    async def send(call: Any) -> Sent:
        return Sent("the reply", outcome=Outcome("read", 0.0, 0.0))

    assert await adrive(Run([waiting], cast("Any", None)), send) == "the reply"
    assert seen == ["in vain"]


@pytest.mark.parametrize(("sdk", "leads", "follows"), PAIRS)
def test_what_is_cut_is_cut_for_all(live: Lab, sdk: str, leads: str, follows: str) -> None:
    """As a budget does that has no room for more: nothing goes on being paid for behind its back."""
    live.provider.default = faults.slow_chunks(0.02, Reply(chunks=["w "] * 2000))
    leader, follower, _ = began(live, sdk, leads, follows)
    source: Any = live.sharing.tape and live.sharing.tape.source

    source.cut()

    assert error_of(follower.rest())[0].__name__ in ("APIConnectionError", "RemoteProtocolError")
    closed(leader)
    live.provider.wait_for(lambda provider: provider.disconnects == 1)


def test_a_follower_that_is_collected_is_gone(live: Lab) -> None:
    live.provider.default = faults.slow_chunks(0.02, Reply(chunks=["w "] * 2000))
    for flavour in FLAVOURS:
        live.sharing.tape = None
        leader, follower, _ = began(live, "openai", "sync", flavour)
        follower.drop().result(PATIENCE)
        closed(leader)
    live.provider.wait_for(lambda provider: provider.disconnects == 2)
    assert [outcome.ending for outcome in until(lambda: len(live.sharing.followed) == 2 and live.sharing.followed)] == [
        "dropped",
        "dropped",
    ]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK's own generators, under trio
async def test_under_trio_nobody_reads_along_and_all_wait_for_the_whole() -> None:
    trio = pytest.importorskip("trio")
    openai = pytest.importorskip("openai")
    if int(openai.VERSION.split(".")[0]) < 3:
        pytest.skip("this line's http library is tried under asyncio alone")
    seen: list[Any] = []

    def run() -> None:
        with FakeProvider(SLOW) as provider:
            sharing = Sharing()

            async def main() -> None:
                client = client_of("openai", "async", provider, sharing.policy)
                async with client:
                    stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
                    await anext(stream)
                    late = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
                    for one in (stream, late):
                        seen.append([plain(event) async for event in one])  # noqa: PERF401 - one after the other

            trio.run(main)
            seen.append((provider.request_count, sharing.alone, sharing.tape and sharing.tape.reply is not None))

    await asyncio.to_thread(run)
    assert words(seen[1]) == "".join(WORDS)
    assert seen[2] == (2, 1, True)


def test_many_that_begin_at_any_moment_get_the_same(live: Lab) -> None:
    live.provider.default = Reply(chunks=WORDS)
    client = client_of("openai", "sync", live.provider, live.sharing.policy)

    def read(_: int) -> list[Any]:
        return [plain(event) for event in place(client).create(**asked(client, stream=True))]

    with ThreadPoolExecutor(8) as pool:
        for _ in range(25):
            live.sharing.tape = None
            live.provider.clear()
            lists = list(pool.map(read, range(8)))
            assert [words(events) for events in lists] == ["".join(WORDS)] * 8
    client.close()
