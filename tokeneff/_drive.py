"""The blocking driver: performs what a Run asks for, and hands the caller the SDK's own reply or error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tokeneff._flow import Call, Do, Effect, Forward, Outcome, Run, Sleep, Wait, too_late
from tokeneff._log import log_once


class Sent:
    """What came of sending a call: a reply or an error, and the Outcome unless the reply is still coming."""

    __slots__ = ("arm", "error", "outcome", "reply")

    def __init__(
        self,
        reply: Any = None,
        error: BaseException | None = None,
        outcome: Outcome | None = None,
        arm: Callable[[Run], None] | None = None,
    ) -> None:
        self.reply = reply
        self.error = error
        self.outcome = outcome
        self.arm = arm
        """For a reply that is still coming: have its end told to a Run."""


def drive(run: Run, send: Callable[[Call], Sent]) -> Any:
    """Drive ``run`` until its call is over or its reply is the caller's to read; returns the reply or raises."""
    sent = Sent()
    effect = run.start()
    while effect is not None:
        if type(effect) is not Forward:
            effect = perform(run, effect)
            continue
        sent = send(effect.call) if effect.reply is None else _serving().serve(effect)
        if sent.arm is not None:
            run.begun = True
            sent.arm(run)
            break
        effect = run.resume(sent.outcome)
    try:
        return deliver(run, sent)
    finally:
        del sent  # a raised error's traceback holds this frame, which must not hold the error


def _serving() -> Any:
    from tokeneff.cache import _serve

    return _serve


def deliver(run: Run, sent: Sent) -> Any:
    """The reply, or the error that the caller is to see."""
    error = run.refusal or sent.error
    if error is None:
        return sent.reply
    context = error.__context__
    try:
        raise error
    finally:
        # Raising it again where the caller is handling another error would have replaced what it came from.
        error.__context__ = context
        del sent, run, error, context


def perform(run: Run, effect: Effect) -> Effect | None:
    """Do blocking work for a policy and answer it."""
    try:
        if isinstance(effect, Do):
            value = effect.fn(*effect.args)
        elif isinstance(effect, Wait):
            value = effect.future.result(effect.timeout)
        elif isinstance(effect, Sleep):
            value = time.sleep(effect.seconds)
        else:
            raise too_late()
    except Exception as error:  # noqa: BLE001 - the policy decides what its store's failure means
        return run.throw(error)
    except BaseException as error:
        finish(run, run.abandon(error))  # interrupted: what was begun is put in order
        raise
    return run.resume(value)


def settle(run: Run, outcome: Outcome) -> None:
    """The reply is over: let every policy finish. Nothing is raised, for the call itself went well."""
    try:
        effect = run.resume(outcome)
    except Exception as fault:  # noqa: BLE001 - see above
        log_once("settle", "a finished call could not be settled", exc_info=fault)
    else:
        finish(run, effect)


def finish(run: Run, effect: Effect | None) -> None:
    """Do all that is left to do for a call that is over. Nothing is raised."""
    try:
        while effect is not None:
            effect = perform(run, effect)
    except Exception as fault:  # noqa: BLE001 - the call itself went well
        log_once("settle", "a finished call could not be settled", exc_info=fault)
