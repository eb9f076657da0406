"""A Run by itself: policies are entered from the outside in, and are left from the inside out."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import pytest
from flow_policies import Fault, Refused, Store, a_call, over, passing, refusing, refusing_after, reserving

from tokeneff._flow import Abandoned, Call, Do, Effect, Failure, Forward, Outcome, Run, Tokens, do, forward


def test_without_policies_the_call_goes_to_the_wire() -> None:
    call = a_call()
    run = Run([], call)

    assert run.start() == Forward(call)
    assert run.resume(over("read")) is None
    assert run.outcome == over("read")


def test_effects_come_in_the_order_of_the_policies() -> None:
    store, call = Store(), a_call()
    run = Run([reserving(store, "outer"), reserving(store, "inner")], call)

    assert run.start() == Do(store.reserve, ("outer",))
    assert run.resume("outer") == Do(store.reserve, ("inner",))
    assert run.resume("inner") == Forward(call)
    assert run.resume(over("read")) == Do(store.settle, ("inner", "read"))
    assert run.resume(None) == Do(store.settle, ("outer", "read"))
    assert run.resume(None) is None
    assert run.outcome == over("read")


def test_a_policy_can_change_the_call_for_those_behind_it() -> None:
    def marking(call: Call) -> Generator[Effect, Any, Outcome]:
        return (yield from forward(call.with_(scope="marked")))

    seen: list[Call] = []

    def looking(call: Call) -> Generator[Effect, Any, Outcome]:
        seen.append(call)
        return (yield from forward(call))

    call = a_call()
    effect = Run([marking, looking], call).start()

    assert effect == Forward(call.with_(scope="marked"))
    assert seen == [call.with_(scope="marked")]
    assert call.scope is None


def test_a_policy_can_change_the_outcome_for_those_before_it() -> None:
    seen: list[Any] = []

    def pricing(call: Call) -> Generator[Effect, Any, Outcome]:
        outcome = yield from forward(call)
        return outcome._replace(tokens=Tokens(input_tokens=1, output_tokens=2))

    run = Run([reserving(Store(), "outer", seen), pricing], a_call())
    run.start()
    run.resume(None)
    run.resume(over("read"))
    run.resume(None)

    wanted = over("read")._replace(tokens=Tokens(input_tokens=1, output_tokens=2))
    assert seen == [("outer", wanted)]
    assert run.outcome == wanted


def test_a_policy_can_answer_without_sending() -> None:
    def answering(call: Call) -> Generator[Effect, Any, Outcome]:
        yield from do(str)
        return over("read")

    run = Run([passing, answering, refusing], a_call())

    assert run.start() == Do(str, ())
    assert run.resume("") is None
    assert run.outcome == over("read")


def test_a_policy_can_send_again_and_what_is_behind_it_starts_anew() -> None:
    store = Store()

    def twice(call: Call) -> Generator[Effect, Any, Outcome]:
        yield from forward(call)
        return (yield from forward(call))

    run = Run([twice, reserving(store, "x")], a_call())
    effects = [run.start(), run.resume(None), run.resume(over("failed")), run.resume(None), run.resume(None)]

    assert [type(effect) for effect in effects] == [Do, Forward, Do, Do, Forward]
    assert run.resume(over("read")) == Do(store.settle, ("x", "read"))
    assert run.resume(None) is None
    assert run.outcome == over("read")


def test_a_refusal_is_an_outcome_for_those_before_and_kept_for_the_caller() -> None:
    seen: list[Any] = []
    run = Run([reserving(Store(), "outer", seen), refusing], a_call())
    run.start()

    assert isinstance(run.resume(None), Do)
    assert run.resume(None) is None
    (_, outcome), refusal = seen[0], run.refusal
    assert isinstance(refusal, Refused)
    assert (outcome.ending, outcome.failure.type, outcome.failure.message) == ("refused", "flow_policies.Refused", "no")


def test_a_refusal_can_be_answered_by_a_policy_before_it() -> None:
    """Another model within the budget, say: what is raised is what the last sending came to."""

    def trying_another(call: Call) -> Generator[Effect, Any, Outcome]:
        outcome = yield from forward(call)
        if outcome.ending == "refused":
            outcome = yield from forward(call.with_(scope="cheaper"))
        return outcome

    def dear_ones_refused(call: Call) -> Generator[Effect, Any, Outcome]:
        if call.scope != "cheaper":
            raise Refused("too dear")
        return (yield from forward(call))

    run = Run([trying_another, dear_ones_refused], a_call())

    assert run.start() == Forward(a_call(options=run._depth_call[0].options, scope="cheaper"))


def test_a_policy_that_breaks_before_sending_is_passed_by(caplog: pytest.LogCaptureFixture) -> None:
    def broken(call: Call) -> Generator[Effect, Any, Outcome]:
        yield from do(str)
        raise Fault("mine")

    call = a_call()
    run = Run([passing, broken], call)
    run.start()

    assert run.resume(None) == Forward(call)
    assert run.resume(over("read")) is None
    assert run.outcome == over("read")
    assert [(record.name, record.levelno) for record in caplog.records] == [("tokeneff", logging.WARNING)]


def test_a_policy_that_breaks_after_sending_keeps_the_outcome(caplog: pytest.LogCaptureFixture) -> None:
    def broken(call: Call) -> Generator[Effect, Any, Outcome]:
        yield from forward(call)
        raise Fault("mine")

    run = Run([broken], a_call())
    run.start()

    assert run.resume(over("broken_off")) is None
    assert run.outcome == over("broken_off")
    assert run.refusal is None
    assert len(caplog.records) == 1


def test_a_fault_is_logged_once_however_many_calls_it_costs(caplog: pytest.LogCaptureFixture) -> None:
    def broken(call: Call) -> Generator[Effect, Any, Outcome]:
        raise Fault("mine")
        yield  # pyright: ignore[reportUnreachable]

    for _ in range(5):
        assert isinstance(Run([broken, broken], a_call()).start(), Forward)

    assert len(caplog.records) == 1


def test_an_error_of_a_store_is_thrown_into_the_policy_that_asked() -> None:
    caught: list[str] = []

    def careful(call: Call) -> Generator[Effect, Any, Outcome]:
        try:
            yield from do(str)
        except OSError as error:
            caught.append(str(error))
        return (yield from forward(call))

    call = a_call()
    run = Run([careful], call)
    run.start()

    assert run.throw(OSError("disk full")) == Forward(call)
    assert caught == ["disk full"]


def test_what_is_not_an_exception_is_not_ours_to_stop() -> None:
    def leaving(call: Call) -> Generator[Effect, Any, Outcome]:
        raise SystemExit(3)
        yield  # pyright: ignore[reportUnreachable]

    with pytest.raises(SystemExit):
        Run([leaving], a_call()).start()


def test_a_refusal_when_all_is_over_still_settles_those_before() -> None:
    store = Store()
    run = Run([reserving(store, "outer"), refusing_after], a_call())
    run.start()
    run.resume(None)

    assert run.resume(over("read")) == Do(store.settle, ("outer", "refused"))


def test_a_policy_that_is_given_up_puts_its_affairs_in_order() -> None:
    """Its caller was cancelled while a store was at work: others see a cancelled call, and nothing is sent."""
    seen: list[Any] = []
    store = Store()

    def careful(call: Call) -> Generator[Effect, Any, Outcome]:
        try:
            yield from do(store.reserve, "x")
        except Abandoned:
            yield from do(store.settle, "x", "released")
            raise
        return (yield from forward(call))

    run = Run([reserving(Store(), "outer", seen), careful], a_call())
    run.start()
    run.resume(None)

    assert run.abandon(KeyboardInterrupt("stop")) == Do(store.settle, ("x", "released"))
    effect = run.resume(None)
    assert isinstance(effect, Do)
    assert effect.args == ("outer", "cancelled")
    assert run.resume(None) is None
    (_, outcome) = seen[0]
    assert (outcome.ending, outcome.failure) == ("cancelled", Failure("builtins.KeyboardInterrupt", "stop"))
    assert run.refusal is None


def test_a_call_that_is_given_up_is_not_sent_by_who_does_not_notice() -> None:
    def deaf(call: Call) -> Generator[Effect, Any, Outcome]:
        with suppress(BaseException):
            yield from do(str)
        return (yield from forward(call))

    run = Run([deaf], a_call())
    run.start()

    assert run.abandon(KeyboardInterrupt()) is None
    assert run.outcome is not None
    assert run.outcome.ending == "cancelled"


def test_a_call_that_is_given_up_when_it_is_over_ended_as_it_did() -> None:
    store, seen = Store(), []  # type: ignore[var-annotated]

    def settling(call: Call) -> Generator[Effect, Any, Outcome]:
        outcome = yield from forward(call)
        yield from do(store.settle, "x", "y")
        return outcome

    run = Run([reserving(Store(), "outer", seen), settling], a_call())
    run.start()
    run.resume(None)
    run.resume(over("read"))

    effect = run.abandon(KeyboardInterrupt())
    assert isinstance(effect, Do)
    assert effect.args == ("outer", "read")
