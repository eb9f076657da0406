"""Both drivers, every ending, and any stack of policies: each reservation is settled exactly once."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from flow_policies import ENDINGS, KINDS, Fault, Refused, Store, Wire, a_call, over, reserving
from hypothesis import given, settings
from hypothesis import strategies as st

from tokeneff import _log
from tokeneff._adrive import adrive, asettle
from tokeneff._drive import drive, settle
from tokeneff._flow import Forward, Policy, Run

FLAVOURS = ("sync", "async")
LOOP = asyncio.Runner()


@pytest.fixture(scope="module", autouse=True)
def closed_loop() -> Iterator[None]:
    yield
    LOOP.close()


class Journey:
    """One call through a stack of policies to its ending."""

    def __init__(self, kinds: list[str], ending: str, *, live: bool, flavour: str) -> None:
        self.store = Store()
        self.seen: list[Any] = []
        self.policies: list[Policy] = [
            reserving(self.store, f"{index}", self.seen) if kind == "reserving" else KINDS[kind](self.store, f"{index}")
            for index, kind in enumerate(kinds)
        ]
        self.wire = Wire("live" if live else ending)
        self.ending = ending
        self.flavour = flavour
        self.run = Run(self.policies, a_call())
        self.result: Any = None
        self.raised: BaseException | None = None

    def travel(self) -> Journey:
        if self.flavour == "sync":
            self._blocking()
        else:
            LOOP.run(self._awaiting())
        return self

    def _blocking(self) -> None:
        try:
            self.result = drive(self.run, self.wire.send)
        except BaseException as error:  # noqa: BLE001 - compared
            self.raised = error
        if self.wire.live is not None and self.wire.live.run is not None:
            settle(self.wire.live.run, over(self.ending))

    async def _awaiting(self) -> None:
        try:
            self.result = await adrive(self.run, self.wire.asend)
        except BaseException as error:  # noqa: BLE001 - compared
            self.raised = error
        if self.wire.live is not None and self.wire.live.run is not None:
            run = self.wire.live.run
            await asettle(run, run.resume(over(self.ending)))


def assert_well(journey: Journey, kinds: list[str], *, live: bool) -> None:
    journey.store.assert_even()
    if "refusing" in kinds:
        first = kinds.index("refusing")
        assert isinstance(journey.raised, Refused)
        assert journey.wire.calls == []
        assert set(journey.store.reserved) == {f"{i}" for i, kind in enumerate(kinds[:first]) if kind == "reserving"}
        return
    assert journey.wire.calls, "the call was not sent"
    if live:
        # The reply was the caller's before anything could be refused.
        assert journey.raised is None
        assert journey.result is journey.wire.live
    elif "refusing_after" in kinds:
        assert isinstance(journey.raised, Refused)
    elif journey.ending == "read":
        assert (journey.result, journey.raised) == ("the reply", None)
    else:
        assert journey.raised is journey.wire.error
    if "refusing_after" not in kinds:
        assert [outcome.ending for _, outcome in journey.seen] == [journey.ending] * len(journey.seen)


def before_a_reply(ending: str) -> bool:
    return ending in ("read", "cancelled", "failed")


TABLE = [
    (kind, ending, live, flavour)
    for kind in KINDS
    for ending in ENDINGS
    for live in (False, True)
    for flavour in FLAVOURS
    if live or before_a_reply(ending)
]


@pytest.mark.parametrize(("kind", "ending", "live", "flavour"), TABLE)
def test_the_table_of_endings(kind: str, ending: str, live: bool, flavour: str) -> None:
    """Each kind of policy between two that reserve."""
    kinds = ["reserving", kind, "reserving"]

    assert_well(Journey(kinds, ending, live=live, flavour=flavour).travel(), kinds, live=live)


@settings(deadline=None, max_examples=120)
@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS)), max_size=6),
    ending=st.sampled_from(ENDINGS),
    live=st.booleans(),
    flavour=st.sampled_from(FLAVOURS),
)
def test_any_journey(kinds: list[str], ending: str, live: bool, flavour: str) -> None:
    live = live or not before_a_reply(ending)
    if kinds.count("waiting_in_vain") > 2:
        kinds = [kind for kind in kinds if kind != "waiting_in_vain"]

    assert_well(Journey(kinds, ending, live=live, flavour=flavour).travel(), kinds, live=live)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("kind", ["faulty_before", "faulty_after", "store_fails"])
def test_a_policys_fault_is_logged_once_and_costs_nothing(
    kind: str, flavour: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        journey = Journey([kind, "reserving"], "read", live=False, flavour=flavour).travel()
        assert (journey.result, journey.raised) == ("the reply", None)
        journey.store.assert_even()

    assert [(record.name, record.levelno) for record in caplog.records] == [("tokeneff", logging.WARNING)]
    assert isinstance(caplog.records[0].exc_info, tuple)
    assert caplog.records[0].exc_info[0] is Fault


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_refusal_is_raised_as_it_is(flavour: str) -> None:
    refusal = Refused("as it is")

    def policy(call: Any) -> Any:
        raise refusal
        yield  # pyright: ignore[reportUnreachable]

    journey = Journey([], "read", live=False, flavour=flavour)
    journey.run = Run([policy], a_call())
    journey.travel()

    assert journey.raised is refusal
    assert (refusal.__cause__, refusal.__context__, refusal.args) == (None, None, ("as it is",))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_callers_error_keeps_where_it_came_from(flavour: str) -> None:
    journey = Journey(["reserving"], "failed", live=False, flavour=flavour)
    cause = KeyError("deep down")

    def send(call: Any) -> Any:
        sent = Wire.send(journey.wire, call)
        assert sent.error is not None
        sent.error.__context__ = cause
        return sent

    async def asend(call: Any) -> Any:
        return send(call)

    journey.wire.send, journey.wire.asend = send, asend  # type: ignore[method-assign]
    try:
        raise LookupError("what the caller is handling")
    except LookupError:
        journey.travel()

    assert journey.raised is journey.wire.error
    assert journey.raised is not None
    assert journey.raised.__context__ is cause


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_call_that_failed_is_sent_again_by_a_policy_and_each_sending_is_settled(flavour: str) -> None:
    store = Store()
    wire = Wire("failed", "read")
    run = Run([KINDS["again_when_failed"](store, "-"), reserving(store, "x")], a_call())

    result = drive(run, wire.send) if flavour == "sync" else asyncio.run(adrive(run, wire.asend))

    assert result == "the reply"
    assert store.settled == {"x": ["failed", "read"]}
    assert store.reserved == {"x": 2}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_stream_that_is_the_callers_is_not_sent_again(flavour: str, caplog: pytest.LogCaptureFixture) -> None:
    journey = Journey(["reserving", "again_when_failed"], "failed", live=True, flavour=flavour).travel()

    assert len(journey.wire.calls) == 1
    assert journey.raised is None
    journey.store.assert_even()
    assert "cannot be forwarded again after its stream has begun" in caplog.text


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_nothing_is_kept_of_a_call_that_is_over(flavour: str) -> None:
    class Big:
        pass

    def travel(ending: str) -> weakref.ref[Big]:
        big = Big()
        journey = Journey(["reserving", "passing"], ending, live=False, flavour=flavour)
        journey.run = Run(journey.policies, a_call(client=big))
        journey.travel()
        return weakref.ref(big)

    for ending in ("read", "failed"):
        known = travel(ending)
        gc.collect()
        _log._forget()
        assert known() is None


async def test_cancelled_while_its_store_works_the_reservation_is_settled() -> None:
    """The caller is cancelled when the reply has come to its end, and settling takes its time."""
    import threading

    entered, free = threading.Event(), threading.Event()
    store = Store()

    class Slow(Store):
        def settle(self, name: str, value: Any) -> None:
            entered.set()
            free.wait(5)
            store.settle(name, value)

    slow = Slow()
    run = Run([reserving(slow, "x")], a_call())
    effect = run.start()
    while not isinstance(effect, Forward):
        effect = run.resume(effect.fn(*effect.args))  # type: ignore[union-attr]

    task = asyncio.ensure_future(asettle(run, run.resume(over("read"))))
    await asyncio.to_thread(entered.wait)
    task.cancel()
    free.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    for _ in range(1000):  # the store's thread goes on
        if run.outcome is not None:
            break
        await asyncio.sleep(0.005)
    assert store.settled == {"x": ["read"]}


@pytest.mark.parametrize("during", ["send", "store"])
async def test_cancelled_while_awaiting(during: str) -> None:
    store = Store()
    begun = asyncio.Event()

    async def asend(call: Any) -> Any:
        begun.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError as error:
            from tokeneff._drive import Sent

            return Sent(error=error, outcome=over("cancelled"))

    def waits(call: Any) -> Any:
        from concurrent.futures import Future

        from tokeneff._flow import Wait, forward

        if during == "store":
            begun.set()
            yield Wait(Future(), 0.2)
        return (yield from forward(call))

    task = asyncio.ensure_future(adrive(Run([reserving(store, "x"), waits], a_call()), asend))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gc.collect()

    assert (store.settled if during == "send" else {"x": ["cancelled"]}) == {"x": ["cancelled"]}
