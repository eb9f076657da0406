"""The clients that the demo's session goes through: of the built-in provider, or of the real endpoints."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from tokeneff.cli._clients import MissingSDKError, import_sdk, loopback_client
from tokeneff.cli._output import UsageError
from tokeneff.cli._session import Clients

Wrap = Callable[[Any], Any]
Queue = Callable[[str], None]

_OPENAI_MODEL = "gpt-5-mini"
_ANTHROPIC_MODEL = "claude-haiku-4-5"


def loopback_stage(wrap: Wrap, stack: ExitStack) -> tuple[Clients, Queue]:
    """Return clients of a built-in provider, and what tells it the coming step; *stack* ends it."""
    from tokeneff.cli import _script as script
    from tokeneff.testing import FakeProvider

    provider = stack.enter_context(FakeProvider(default=script.hotel))
    steps = {"plan": script.PLAN, "itinerary": script.ITINERARY, "policy": script.POLICY, "letter": script.LETTER}
    openai = async_openai = anthropic = None
    missing: list[str] = []
    try:
        openai = wrap(loopback_client("openai", provider.openai_url))
        async_openai = wrap(loopback_client("openai", provider.openai_url, asynchronous=True))
    except MissingSDKError as error:
        missing.append(f"the OpenAI part; {error}")
    try:
        anthropic = wrap(loopback_client("anthropic", provider.anthropic_url))
    except MissingSDKError as error:
        missing.append(f"the Anthropic part; {error}")
    clients = Clients(openai, async_openai, anthropic, _OPENAI_MODEL, _ANTHROPIC_MODEL, tuple(missing))
    return clients, lambda step: provider.queue(*steps.get(step, ()))


def live_stage(wrap: Wrap, model: str | None) -> tuple[Clients, Queue]:
    """Return clients of the endpoints that the environment names; raises `UsageError` where it names none."""
    has_openai = bool(os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"))
    has_anthropic = bool(os.environ.get("ANTHROPIC_API_KEY"))
    if not has_openai and not has_anthropic:
        raise UsageError("--live needs OPENAI_API_KEY, OPENAI_BASE_URL or ANTHROPIC_API_KEY in the environment")
    for_anthropic = model is not None and has_anthropic and (model.startswith("claude") or not has_openai)
    openai = async_openai = anthropic = None
    openai_model = _OPENAI_MODEL
    if has_openai:
        sdk = import_sdk("openai")
        key = os.environ.get("OPENAI_API_KEY") or "none"  # servers of one's own often want none, the SDK always one
        bare = sdk.OpenAI(api_key=key)
        openai_model = (None if for_anthropic else model) or _default_model(bare)
        openai, async_openai = wrap(bare), wrap(sdk.AsyncOpenAI(api_key=key))
    if has_anthropic:
        anthropic = wrap(import_sdk("anthropic").Anthropic())
    names = {"OpenAI": has_openai, "Anthropic": has_anthropic}
    missing = tuple(f"the {name} part; its key is not set" for name, there in names.items() if not there)
    anthropic_model = (model if for_anthropic else None) or _ANTHROPIC_MODEL
    return Clients(openai, async_openai, anthropic, openai_model, anthropic_model, missing), lambda step: None


def _default_model(client: Any) -> str:
    """Return OpenAI's own default, or the first model that another endpoint serves."""
    if not os.environ.get("OPENAI_BASE_URL"):
        return _OPENAI_MODEL
    try:
        return next(iter(client.models.list())).id
    except Exception as error:
        raise UsageError(f"{client.base_url} does not say which models it serves ({error}); give --model") from error
