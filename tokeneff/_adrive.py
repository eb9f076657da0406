"""The awaiting driver: the twin of ``_drive``, for asyncio and, where the SDK runs on it, trio."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from tokeneff import _reaper
from tokeneff._drive import Sent, deliver, finish
from tokeneff._flow import Call, Do, Effect, Forward, Run, Sleep, Wait, too_late
from tokeneff._waking import awaited


async def adrive(run: Run, send: Callable[[Call], Awaitable[Sent]]) -> Any:
    """Drive ``run`` until its call is over or its reply is the caller's to read; returns the reply or raises."""
    sent = Sent()
    effect = run.start()
    while effect is not None:
        if type(effect) is not Forward:
            effect = await perform(run, effect)
            continue
        sent = await (send(effect.call) if effect.reply is None else _serving().aserve(effect))
        if sent.arm is not None:
            run.begun = True
            sent.arm(run)
            break
        effect = run.resume(sent.outcome)
        if effect is not None and sent.error is not None and not isinstance(sent.error, Exception):
            # Cancelled: what is left to settle must not be cancelled with it.
            await _leave(run, effect, sent.error)
            break
    try:
        return deliver(run, sent)
    finally:
        del sent  # a raised error's traceback holds this frame, which must not hold the error


def _serving() -> Any:
    from tokeneff.cache import _serve

    return _serve


async def perform(run: Run, effect: Effect) -> Effect | None:
    """Do blocking work for a policy in a thread and answer it."""
    import anyio
    import anyio.lowlevel
    import anyio.to_thread

    try:
        if isinstance(effect, Do):
            value = await anyio.to_thread.run_sync(effect.fn, *effect.args)
            await anyio.lowlevel.checkpoint_if_cancelled()  # or it would be found out with the call half sent
        elif isinstance(effect, Wait):
            value = await _wait(effect)
        elif isinstance(effect, Sleep):
            value = await anyio.sleep(effect.seconds)
        else:
            raise too_late()
    except Exception as error:  # noqa: BLE001 - the policy decides what its store's failure means
        return run.throw(error)
    except BaseException as error:
        # Cancelled, and a store may still be at work in its thread: what was begun is put in order.
        await _leave(run, run.abandon(error), error)
        raise
    return run.resume(value)


async def _leave(run: Run, effect: Effect | None, error: BaseException) -> None:
    """Let every policy finish, whose caller is leaving."""
    if effect is None:
        return
    if isinstance(error, GeneratorExit):  # thrown away with its loop, where nothing can be awaited
        _reaper.hand_over(partial(finish, run, effect))
    else:
        await asettle(run, effect)


async def _wait(effect: Wait) -> Any:
    future = effect.future

    def register(wake: Callable[[], None]) -> bool:
        if not future.done():
            future.add_done_callback(lambda _: wake())  # at once, if it is done by now
            return False
        return True

    await awaited(register, effect.timeout)
    return future.result(0)


async def asettle(run: Run, effect: Effect | None) -> None:
    """The reply is over: let every policy finish, whatever becomes of the caller. Nothing of ours is raised.

    All of it in one thread, which goes on when the awaiting task is cancelled: from asyncio's own cancellation, unlike
    anyio's, nothing awaited can be shielded.
    """
    import anyio
    import anyio.to_thread

    if effect is not None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(finish, run, effect)
