"""The suite can fail: wrappers that are not faithful, each in one way, and a probe catches every one of them."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from types import MethodType
from typing import Any

import probing.probes  # noqa: F401 - fills the table
import pytest
from probing.comparing import differences
from probing.kinds import KINDS, Kind
from probing.lab import PROBES, Probe
from probing.running import record
from probing.wrappings import BARE, Wrapping

import tokeneff

EVERY = bool(os.environ.get("TOKENEFF_SOAK"))
Change = Callable[[Any], None]
MUTANTS: dict[str, tuple[Change, str]] = {}


def mutant(*caught_by: str) -> Callable[[Change], Change]:
    """A change to a client that these probes are to notice, each by itself."""

    def add(change: Change) -> Change:
        for name in caught_by:
            MUTANTS[f"{change.__name__}-{name}"] = (change, name)
        return change

    return add


def subclassed(client: Any, name: str | None = None, **members: Any) -> None:
    base = type(client)
    given = {"__module__": base.__module__, "__qualname__": base.__qualname__, "__doc__": base.__doc__}
    client.__class__ = type(name or base.__name__, (base,), {**given, **members})


def on_request(client: Any, around: Callable[[Callable[[], Any], Any], Any]) -> None:
    """Override ``request`` so that ``around(send, options)`` makes the reply; for blocking clients."""
    base = type(client)

    @functools.wraps(base.request)
    def request(self: Any, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None) -> Any:
        return around(lambda: base.request(self, cast_to, options, stream=stream, stream_cls=stream_cls), options)

    subclassed(client, request=request)


@mutant("chat_create", "copies", "models", "raw_response")
def an_added_header(client: Any) -> None:
    client._custom_headers = {**client._custom_headers, "X-Traced": "1"}


@mutant("chat_create", "left_alone", "streaming_response", "taken_once")
def an_injected_body_field(client: Any) -> None:
    def around(send: Any, options: Any) -> Any:
        if isinstance(options.json_data, dict):
            options.json_data = {**options.json_data, "user": "somebody"}
        return send()

    on_request(client, around)


@mutant("left_alone")
def an_edited_argument(client: Any) -> None:
    def around(send: Any, options: Any) -> Any:
        more = (options.extra_json or {}).get("more")
        if isinstance(more, dict):
            more["deep"] = [*more["deep"]]  # equal, and yet another list
        return send()

    on_request(client, around)


@mutant("chat_create", "class_and_name")
def another_class_name(client: Any) -> None:
    subclassed(client, name="WrappedOpenAI")


@mutant("class_and_name")
def a_class_of_another_module(client: Any) -> None:
    subclassed(client, __module__="tokeneff._client")


class Proxy:
    """A client by delegation, and no subclass."""

    def __init__(self, client: Any) -> None:
        self._inner = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@mutant("class_and_name", "attributes", "as_context", "copied_by_copy")
def a_proxy(client: Any) -> Any:
    return Proxy(client)


@mutant("streaming_response", "binary_to_file")
def an_eagerly_read_response(client: Any) -> None:
    def around(send: Any, options: Any) -> Any:
        reply = send()
        if hasattr(reply, "http_response") and hasattr(reply.http_response, "read"):
            reply.http_response.read()
        return reply

    on_request(client, around)


@mutant("raw_response", "refused_raw")
def an_eagerly_parsed_response(client: Any) -> None:
    def around(send: Any, options: Any) -> Any:
        reply = send()
        if hasattr(reply, "parse") and hasattr(reply, "http_response") and reply.http_response.is_closed:
            reply.parse()
        return reply

    on_request(client, around)


def on_items(client: Any, change: Callable[[Any], Any]) -> None:
    def around(send: Any, options: Any) -> Any:
        reply = send()
        if type(reply).__name__ == "Stream":
            reply._iterator = change(reply._iterator)
        return reply

    on_request(client, around)


@mutant("chat_stream", "chat_stream_helper", "stream_as_context", "retried")
def a_dropped_chunk(client: Any) -> None:
    def change(items: Any) -> Any:
        for index, item in enumerate(items):
            if index != 1:
                yield item

    on_items(client, change)


@mutant("chat_stream", "responses_stream_helper")
def swapped_chunks(client: Any) -> None:
    def change(items: Any) -> Any:
        first = next(items, None)
        second = next(items, None)
        yield from (one for one in (second, first) if one is not None)
        yield from items

    on_items(client, change)


@mutant("early_break")
def a_list_for_a_stream(client: Any) -> None:
    on_items(client, lambda items: iter(list(items)))


@mutant("early_break", "dropped")
def a_stream_read_ahead(client: Any) -> None:
    kept: list[Any] = []

    def around(send: Any, options: Any) -> Any:
        reply = send()
        if type(reply).__name__ == "Stream":
            read = list(reply._iterator)
            reply._iterator = iter(read)
            kept.append(reply)
        return reply

    on_request(client, around)


@mutant("early_break", "stream_as_context")
def a_stream_that_is_not_closed(client: Any) -> None:
    def around(send: Any, options: Any) -> Any:
        reply = send()
        if type(reply).__name__ == "Stream":
            reply.close = lambda: None
            kind = type(reply)
            reply.__class__ = type(kind.__name__, (kind,), {"__module__": kind.__module__, "__exit__": lambda *_: None})
        return reply

    on_request(client, around)


@mutant("chat_stream", "transcriptions")
def a_stream_of_another_class(client: Any) -> None:
    def around(send: Any, options: Any) -> Any:
        reply = send()
        if type(reply).__name__ == "Stream":
            reply.__class__ = type("WatchedStream", (type(reply),), {})
        return reply

    on_request(client, around)


def raising(change: Callable[[Exception], BaseException]) -> Change:
    def alter(client: Any) -> None:
        def around(send: Any, options: Any) -> Any:
            try:
                return send()
            except Exception as error:
                raise change(error) from error

        on_request(client, around)

    return alter


@mutant("statuses", "exhausted", "no_connection", "refused_raw")
def an_error_of_another_class(client: Any) -> None:
    raising(lambda error: RuntimeError(str(error)))(client)


@mutant("no_connection", "timeouts", "inside_other_errors")
def an_error_with_another_cause(client: Any) -> None:
    def around(send: Any, options: Any) -> Any:
        try:
            return send()
        except Exception as error:
            raise error from None

    on_request(client, around)


@mutant("statuses")
def an_error_with_another_body(client: Any) -> None:
    def around(send: Any, options: Any) -> Any:
        try:
            return send()
        except Exception as error:
            error.body = None  # type: ignore[attr-defined]
            raise

    on_request(client, around)


@mutant("statuses", "exhausted")
def a_swallowed_error(client: Any) -> None:
    def around(send: Any, options: Any) -> Any:
        try:
            return send()
        except Exception:  # noqa: BLE001 - a mutant
            return None

    on_request(client, around)


@mutant("inside_other_errors")
def an_error_raised_elsewhere(client: Any) -> None:
    """As a driver that raises a kept error again: where another one is handled, it comes from that one alone."""

    def around(send: Any, options: Any) -> Any:
        kept = None
        try:
            return send()
        except Exception as error:  # noqa: BLE001 - a mutant
            kept = error
        raise kept

    on_request(client, around)


@mutant("exhausted")
def one_more_try(client: Any) -> None:
    client.max_retries += 1


@mutant("told_to_retry_or_not", "logged")
def tries_of_its_own(client: Any) -> None:
    def around(send: Any, options: Any) -> Any:
        try:
            return send()
        except Exception:  # noqa: BLE001 - a mutant
            return send()

    on_request(client, around)
    client.max_retries = 0


@mutant("signatures")
def a_hidden_signature(client: Any) -> None:
    base = type(client)
    subclassed(client, request=lambda self, *args, **kwargs: base.request(self, *args, **kwargs))


@mutant("signatures")
def another_signature_of_create(client: Any) -> None:
    create = client.chat.completions.create
    client.chat.completions.create = lambda **named: create(**named)


@mutant("copies", "copy_with_http_client")
def a_copy_without_the_wrapping(client: Any) -> None:
    base = type(client)
    client.__class__ = type(base.__name__, (base,), {"__module__": base.__module__, "__qualname__": base.__qualname__})


@mutant("copies")
def a_copy_that_forgets(client: Any) -> None:
    base = type(client)

    @functools.wraps(base.copy)
    def copy(self: Any, **named: Any) -> Any:
        named.pop("timeout", None)
        return base.copy(self, **named)

    subclassed(client, copy=copy, with_options=copy)


@mutant("attributes")
def one_more_attribute(client: Any) -> None:
    client.tracer = "here"


@mutant("attributes")
def a_changed_default(client: Any) -> None:
    client.timeout = 599.0


@mutant("resources")
def a_resource_of_the_bare_client(client: Any) -> None:
    twin = client.copy()
    client.__dict__["chat"] = twin.chat


@mutant("taken_once")
def a_consumed_iterator(client: Any) -> None:
    create = client.chat.completions.create

    def peek(**named: Any) -> Any:
        next(iter(named["messages"]), None)
        return create(**named)

    client.chat.completions.create = peek


@mutant("files_read_once")
def a_file_read_twice(client: Any) -> None:
    create = client.files.create

    def measure(**named: Any) -> Any:
        len(named["file"].read())
        named["file"].seek(0)
        return create(**named)

    client.files.create = measure


@mutant("dropped")
def a_stream_kept_alive(client: Any) -> None:
    kept: list[Any] = []

    def around(send: Any, options: Any) -> Any:
        kept.append(send())
        return kept[-1]

    on_request(client, around)


@mutant("chat_create", "pages")
def a_rebuilt_reply(client: Any) -> None:
    def around(send: Any, options: Any) -> Any:
        reply = send()
        return type(reply).construct(**reply.to_dict()) if hasattr(reply, "to_dict") else reply

    on_request(client, around)


@mutant("chat_create", "responses_create")
def a_reply_without_its_request_id(client: Any) -> None:
    def around(send: Any, options: Any) -> Any:
        reply = send()
        if hasattr(reply, "_request_id"):
            reply._request_id = None
        return reply

    on_request(client, around)


@mutant("odd_usage", "chat_stream")
def usage_filled_in(client: Any) -> None:
    def change(items: Any) -> Any:
        for item in items:
            if hasattr(item, "choices") and "usage" not in item.model_fields_set:
                item.usage = None
            yield item

    on_items(client, change)


@mutant("stream_options_left_alone", "chat_stream")
def usage_asked_for_and_shown(client: Any) -> None:
    def around(send: Any, options: Any) -> Any:
        body = options.json_data
        if isinstance(body, dict) and body.get("stream"):
            options.json_data = {**body, "stream_options": {"include_usage": True}}
        return send()

    on_request(client, around)


@mutant("as_context")
def a_context_of_another_object(client: Any) -> None:
    subclassed(client, __enter__=lambda self: self.copy())


@mutant("as_context", "after_close")
def a_client_that_stays_open(client: Any) -> None:
    subclassed(client, close=lambda self: None, __exit__=lambda self, *_: None)


@mutant("sessions_pass_through")
def a_wrapped_session(client: Any) -> None:
    kind = type(client.realtime) if hasattr(client, "realtime") else type(client.beta.realtime)
    target = client.realtime if hasattr(client, "realtime") else client.beta.realtime
    target.connect = MethodType(lambda self, **named: Proxy(kind.connect(self, **named)), target)


@mutant("gathered", "many_loops", "cancelled_call", "cancelled_stream")
def an_awaiting_header(client: Any) -> None:
    an_added_header(client)


@mutant("cancelled_call")
def a_cancellation_turned_into_an_error(client: Any) -> None:
    import asyncio

    base = type(client)

    async def request(self: Any, *args: Any, **named: Any) -> Any:
        try:
            return await base.request(self, *args, **named)
        except asyncio.CancelledError:
            raise RuntimeError("cancelled") from None

    subclassed(client, request=functools.wraps(base.request)(request))


@mutant("messages_create", "messages_stream_helper", "tool_runner", "messages_batches", "beta_messages")
def a_header_for_claude(client: Any) -> None:
    an_added_header(client)


@mutant("messages_stream", "messages_stream_helper")
def a_dropped_event(client: Any) -> None:
    a_dropped_chunk(client)


def find(name: str, family: str | None = None) -> Probe:
    return next(one for one in PROBES if one.name == name and family in (None, one.family))


def kind_for(probe: Probe) -> Kind:
    return next(one for one in KINDS if one.plain and probe.fits(one))


@pytest.mark.parametrize("name", MUTANTS)
def test_caught(name: str) -> None:
    change, caught_by = MUTANTS[name]
    probe = find(caught_by)
    kind = kind_for(probe)

    def client(make: Callable[[], Any]) -> Any:
        made = tokeneff.wrap(make())
        return change(made) or made

    try:
        wrapped, _ = record(probe, kind, Wrapping(name, client, counts=False))
    except Exception:  # noqa: BLE001 - a client so broken that the probe cannot go on is caught, too
        return
    bare, _ = record(probe, kind, BARE)
    assert differences(bare, wrapped), f"{probe.name} does not notice {change.__name__}"


@pytest.mark.parametrize("probe", PROBES if EVERY else PROBES[::8], ids=lambda probe: f"{probe.name}-{probe.family}")
def test_two_bare_clients_are_alike(probe: Probe) -> None:
    """What differs between a bare and a wrapped client is the wrapping's doing, and not chance.

    A probe of which that is not so fails beside wrapped clients as well: of all probes it is asked to tell whose fault
    that is.
    """
    kind = kind_for_any(probe)
    first, second = (record(probe, kind, BARE)[0] for _ in range(2))
    assert differences(first, second) == []


def kind_for_any(probe: Probe) -> Kind:
    return next(one for one in reversed(KINDS) if probe.fits(one) and (one.plain or probe.kinds))


def test_every_probe_observes_something_else() -> None:
    names = [(probe.name, probe.family) for probe in PROBES]
    assert len(names) == len(set(names))
    assert all(inspect.iscoroutinefunction(probe.run) for probe in PROBES)
