"""Replies past their time are renewed in the background, while what was kept is served.

A renewal is a whole call of its own, through every policy: it has its span, its row and its budget. Of a blocking
client it is made in a thread, of an awaiting one in a task of its event loop. Where there is no asyncio to give it to
(trio has no task that outlives its caller), the call that finds the reply stale asks anew itself.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import threading
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from tokeneff._flow import Call, Policy, Run
from tokeneff._log import log_once
from tokeneff.context import override

if TYPE_CHECKING:
    from tokeneff.cache._place import Place

_RAW = "x-stainless-raw-response"
_MOST = 8
"""Renewals at a time of one store's replies; what is stale beyond is served, and renewed when it is next asked for."""

_tasks: set[asyncio.Task[None]] = set()
"""An event loop holds its tasks by weak references only."""


class Renewing:
    """Renews the replies of one wrapping.

    Args:
        policies: what each call of it passes.
    """

    def __init__(self, policies: Callable[[], Sequence[Policy]]) -> None:
        self._policies = policies

    def __call__(self, call: Call, key: bytes, place: Place) -> bool:
        """Have it renewed, unless it is being so; ``False`` where that cannot be done in the background."""
        if key in place.renewing or len(place.renewing) >= _MOST:
            return True
        try:
            loop = _loop() if awaits(call) else None
            if loop is None and awaits(call):
                return False
            again = apart(call)
            context = contextvars.copy_context()
            place.renewing.add(key)
            if loop is not None:
                task = loop.create_task(self._awaiting(again, key, place), context=context)
                _tasks.add(task)
                task.add_done_callback(_tasks.discard)
            else:
                work = (self._blocking, again, key, place)
                threading.Thread(target=context.run, args=work, name="tokeneff-renewal", daemon=True).start()
        except Exception as fault:  # noqa: BLE001 - then the call asks anew itself
            place.renewing.discard(key)
            log_once(("renewal", type(fault)), "a reply cannot be renewed in the background: %r", fault, exc_info=fault)
            return False
        return True

    def _blocking(self, call: Call, key: bytes, place: Place) -> None:
        from tokeneff._drive import drive
        from tokeneff._send import send

        owner = uuid.uuid4().hex
        try:
            if place.instant or place.turn(key, owner, _nothing):
                with override(cache="refresh"):
                    reply = drive(Run(self._policies(), call), send)
                    if call.stream:
                        for _ in reply:
                            pass
        except Exception as fault:  # noqa: BLE001 - its span has told of it
            _told(fault)
        finally:
            self._over(key, owner, place)

    async def _awaiting(self, call: Call, key: bytes, place: Place) -> None:
        from tokeneff._adrive import adrive
        from tokeneff._send import asend

        owner = uuid.uuid4().hex
        try:
            if place.instant or await asyncio.to_thread(place.turn, key, owner, _nothing):
                with override(cache="refresh"):
                    reply = await cast("Coroutine[Any, Any, Any]", adrive(Run(self._policies(), call), asend))
                    if call.stream:
                        async for _ in reply:
                            pass
        except Exception as fault:  # noqa: BLE001 - as above
            _told(fault)
        finally:
            self._over(key, owner, place)

    def _over(self, key: bytes, owner: str, place: Place) -> None:
        # Behind what is to be kept: until then others are not to begin.
        place.background(lambda: place.renewing.discard(key))
        if not place.instant:
            place.led(key, owner)


def apart(call: Call) -> Call:
    """The same call for another time: its caller may go on to change the messages, and wants none of its reply.

    Raises whatever copying the caller's values raises.
    """
    options = copy.copy(call.options)
    options.json_data = copy.deepcopy(options.json_data)
    headers = options.headers
    if isinstance(headers, Mapping):
        given = cast("Mapping[str, Any]", headers)
        options.headers = {name: value for name, value in given.items() if name.lower() != _RAW}
    return call.with_(options=options, raw=None, scope=None, begun=None, tape=None)


def awaits(call: Call) -> bool:
    """Whether its client is an awaiting one."""
    return any(kind.__name__ == "AsyncAPIClient" for kind in type(call.client).__mro__)


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _nothing() -> None:
    return None


def _told(fault: Exception) -> None:
    log_once(("renewed", type(fault)), "a reply past its time could not be renewed: %s", type(fault).__name__)
