"""What a client is, to programs that look at it."""

from __future__ import annotations

import inspect
from typing import Any

import anthropic
import openai

from probing.lab import Lab, probe
from probing.observing import name_of

BOTH = ("openai", "anthropic")
OURS = ("tokeneff", "_is_instrumented_by_logfire")  # the second one asks Logfire to leave a wrapped client alone


@probe(*BOTH, counted=False)
async def class_and_name(lab: Lab) -> None:
    client = lab.client
    kind = type(client)
    known = [getattr(sdk, name) for sdk in (openai, anthropic) for name in sdk.__all__]
    clients = [one for one in known if inspect.isclass(one) and hasattr(one, "with_options")]
    lab.note("isinstance", [name_of(one) for one in clients if isinstance(client, one)])
    lab.note("issubclass", [name_of(one) for one in clients if issubclass(kind, one)])
    lab.note("names", [kind.__name__, kind.__qualname__, kind.__module__, kind.__doc__, type(kind).__name__])
    lab.note("class", client.__class__.__name__)
    lab.note("text", [repr(client), str(client), f"{client}"])
    lab.note("agent", [client.user_agent, client.platform_headers(), client._version])
    lab.note("hash", [hash(client) == id(client) >> 4 or type(client).__hash__ is object.__hash__, client == client])


@probe(*BOTH, counted=False)
async def attributes(lab: Lab) -> None:
    client = lab.client
    lab.note("dir", [name for name in dir(client) if not any(own in name for own in OURS)])
    lab.note("vars", sorted(name for name in vars(client) if not any(own in name for own in OURS)))
    plain = ("api_key", "auth_token", "base_url", "max_retries", "timeout", "organization", "project", "custom_auth")
    plain += (
        "default_headers",
        "default_query",
        "auth_headers",
        "websocket_base_url",
        "aws_region",
        "tenant",
        "region",
    )
    plain += ("qs", "is_closed", "workspace_id", "middleware", "_strict_response_validation", "_custom_headers")
    for name in plain:
        value = getattr(client, name, "no such attribute")
        lab.note(name, repr(value) if not callable(value) else type(value).__name__)
    lab.note("api", [client.api_key if hasattr(client, "api_key") else None, str(client.base_url)])


def signature(function: Any) -> str:
    return str(inspect.signature(function))


@probe(*BOTH, counted=False)
async def signatures(lab: Lab) -> None:
    client = lab.client
    doors = ("request", "copy", "with_options", "get", "post", "put", "patch", "delete", "get_api_list", "close")
    inner = ("_process_response", "_process_response_data", "_sleep_for_retry", "_calculate_retry_timeout", "_request")
    for name in (*doors, *inner):
        method = getattr(client, name, None)
        if method is not None:
            shown = [signature(method), signature(getattr(type(client), name)), method.__name__, method.__qualname__]
            lab.note(name, [*shown, method.__module__, method.__doc__, inspect.iscoroutinefunction(method)])
    place = client.chat.completions if lab.family == "openai" else client.messages
    for name in ("create", "parse", "stream"):
        method = getattr(place, name, None)
        if method is not None:
            lab.note(name, [signature(method), method.__qualname__, inspect.iscoroutinefunction(method)])
    lab.note("constructor", [signature(type(client)), signature(type(client).__init__)])


@probe(*BOTH, counted=False)
async def resources(lab: Lab) -> None:
    """Every resource is the same kind of object, made once, and bound to this very client."""
    client = lab.client
    for name in dir(client):
        if name.startswith("_") or name in ("qs", "middleware", "open_telemetry"):
            continue
        try:
            first = getattr(client, name)
        except Exception as error:  # noqa: BLE001 - noted
            lab.note(name, [type(error), str(error)[:80]])
            continue
        if ".resources" in type(first).__module__ or ".lib." in type(first).__module__:
            bound = getattr(first, "_client", None)
            lab.note(name, [type(first), first is getattr(client, name), bound is client])
            lab.note(f"{name} dir", dir(first))


@probe("openai", wide=False, counted=False)
async def sessions_pass_through(lab: Lab) -> None:
    """Realtime and other websocket sessions: the objects that connect are the SDK's own."""
    client = lab.client
    manager = lab.part("realtime", "beta.realtime").connect(model="gpt-realtime")
    lab.note("realtime", [type(manager), sorted(vars(manager))])
    responses = getattr(client.responses, "connect", None)
    if responses is not None:
        opened = responses()
        lab.note("responses", [type(opened), sorted(vars(opened))])
    lab.note("webhooks", [type(client.webhooks), signature(client.webhooks.unwrap)])
