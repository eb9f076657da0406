"""The generated subclass: a client's own class, with the one door that every call goes through watched.

Nothing of an instance is closed over, signatures are the SDK's own, and ``__dict__`` gains one entry, so copies,
comparisons and frameworks that look at a client see what they saw before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary, ref

from tokeneff._adrive import adrive
from tokeneff._attaching import attach
from tokeneff._drive import drive
from tokeneff._duplicates import TRACED
from tokeneff._exchange import SKIP, active
from tokeneff._flow import Call, Run
from tokeneff._log import log_once
from tokeneff._send import asend, make_call, send
from tokeneff._settings import KEY, Settings
from tokeneff._watch import body_of
from tokeneff.adapters import Family

_classes: WeakKeyDictionary[type, ref[type]] = WeakKeyDictionary()


def wrapped_class(base: type, family: Family) -> type:
    """The subclass of ``base`` that wrapped clients have; the same one each time."""
    known = _classes.get(base)
    found = known() if known is not None else None
    if found is None:
        found = _generate(base, family)
        _classes[base] = ref(found)
    return found


def is_wrapped(client: Any) -> bool:
    """Whether this is a wrapped client."""
    return KEY in getattr(client, "__dict__", ())


def bare_class(kind: Any) -> Any:
    """The class that a generated one was made from."""
    return kind.__dict__.get("__tokeneff_base__", kind)


def _generate(base: type, family: Family) -> type:
    members: dict[str, Any] = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        "__tokeneff_base__": base,
        "__reduce_ex__": _reduce,
        **_copying(base),
        **_watching(base),
        **TRACED,
        **family.namespace(base),
    }
    if any(kind.__name__ == "AsyncAPIClient" for kind in base.__mro__):
        members |= _awaiting(base, family)
    else:
        members |= _blocking(base, family)
    return type(base)(base.__name__, (base,), members)


def prepare(
    client: Any, family: Family, method: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[Run, Call] | None:
    """The Run for a call; ``None`` if our own preparation fails, and the call is to go out as if bare."""
    try:
        settings: Settings = client.__dict__[KEY]
        call = make_call(client, settings, family, method, arguments)
        return Run(settings.policies, call), call
    except Exception as fault:  # noqa: BLE001 - a fault of ours must not cost the caller a call
        log_once(("prepare", type(fault)), "a call could not be prepared and goes out unobserved", exc_info=fault)
        return None


def _blocking(base: Any, family: Family) -> dict[str, Any]:
    @functools.wraps(base.request)
    def request(self: Any, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None) -> Any:
        family.restore(options)
        method = base.request.__get__(self)
        run = prepare(self, family, method, (cast_to, options, stream, stream_cls))
        if run is None:
            return method(cast_to, options, stream=stream, stream_cls=stream_cls)
        return drive(run[0], send)

    def _process_response(self: Any, **arguments: Any) -> Any:
        _answered(arguments, awaiting=False)
        return base._process_response(self, **arguments)

    def _sleep_for_retry(self: Any, **arguments: Any) -> Any:
        _failed_attempt(arguments)
        return base._sleep_for_retry(self, **arguments)

    return {"request": request, **_like(base, _process_response, _sleep_for_retry)}


def _awaiting(base: Any, family: Family) -> dict[str, Any]:
    @functools.wraps(base.request)
    async def request(self: Any, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None) -> Any:
        family.restore(options)
        method = base.request.__get__(self)
        run = prepare(self, family, method, (cast_to, options, stream, stream_cls))
        if run is None:
            return await method(cast_to, options, stream=stream, stream_cls=stream_cls)
        return await adrive(run[0], asend)

    async def _process_response(self: Any, **arguments: Any) -> Any:
        _answered(arguments, awaiting=True)
        return await base._process_response(self, **arguments)

    async def _sleep_for_retry(self: Any, **arguments: Any) -> Any:
        _failed_attempt(arguments)
        return await base._sleep_for_retry(self, **arguments)

    return {"request": request, **_like(base, _process_response, _sleep_for_retry)}


def _like(base: Any, *functions: Callable[..., Any]) -> dict[str, Any]:
    """Overrides that look like what they override; a hook that this line of the SDK has not is left out."""
    return {
        function.__name__: functools.wraps(getattr(base, function.__name__))(function)
        for function in functions
        if hasattr(base, function.__name__)
    }


def _answered(arguments: dict[str, Any], *, awaiting: bool) -> None:
    exchange = active.get()
    if exchange is None:
        return
    try:
        response = arguments["response"]
        exchange.answered(response, arguments["options"])
        if not response.is_closed or (arguments["stream"] and exchange.call.raw is None):
            exchange.live = attach(response, exchange, awaiting=awaiting)
        if exchange.tape is not None:
            from tokeneff.cache._keeping import begin

            begin(exchange.tape, exchange, response)
    except Exception as fault:  # noqa: BLE001 - the reply is the caller's whatever we make of it
        log_once(("answered", type(fault)), "a reply could not be watched", exc_info=fault)


def _failed_attempt(arguments: dict[str, Any]) -> None:
    exchange = active.get()
    if exchange is not None:
        exchange.failed_attempt(arguments.get("response"))


def _watching(base: Any) -> dict[str, Any]:
    def _process_response_data(self: Any, *, data: Any, cast_to: Any, response: Any) -> Any:
        exchange = active.get()
        if exchange is not None and exchange.response is not response:
            exchange = None
        # Nobody has put a watch into a body that was complete as it came.
        watched = None if exchange is not None and exchange.live is None else body_of(response)
        if watched is not None:
            data = watched.event(data)
            if data is SKIP:
                return SKIP
        elif exchange is not None:
            exchange.whole(data)
        return base._process_response_data(self, data=data, cast_to=cast_to, response=response)

    def _calculate_retry_timeout(self: Any, *arguments: Any, **named: Any) -> Any:
        delay = base._calculate_retry_timeout(self, *arguments, **named)
        exchange = active.get()
        if exchange is not None:
            exchange.waits(delay)
        return delay

    return _like(base, _process_response_data, _calculate_retry_timeout)


def _copying(base: Any) -> dict[str, Any]:
    @functools.wraps(base.copy)
    def copy(self: Any, *arguments: Any, **named: Any) -> Any:
        return _rewrapped(base.copy(bare_view(self), *arguments, **named), self)

    return {"copy": copy, "with_options": copy}


def _rewrapped(made: Any, like: Any) -> Any:
    from tokeneff._wrap import clone, find_family

    base = bare_class(type(made))
    return clone(made, wrapped_class(base, find_family(base)), like.__dict__[KEY])


def bare_view(client: Any) -> Any:
    """The same client seen as its own class: several ``copy`` methods of the SDKs ask for their exact class."""
    view: Any = object.__new__(bare_class(type(client)))
    view.__dict__ = client.__dict__
    return view


def _reduce(self: Any, protocol: Any) -> Any:
    make, arguments, *rest = bare_view(self).__reduce_ex__(protocol)
    return (_remake, (self.__dict__[KEY], make, arguments), *rest)


def _remake(settings: Settings, make: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    from tokeneff._wrap import find_family

    made = make(*arguments)
    base = bare_class(type(made))
    made.__class__ = wrapped_class(base, find_family(base))
    made.__dict__[KEY] = settings
    return made
