"""Changes that budgets make to a request: another model, a limit to its output. Always to a copy."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

from tokeneff._flow import Call
from tokeneff.tokens._models import style_of

LEAST_CAP = 16
"""Tokens below which a reply is not worth asking for (and the Responses API refuses to be asked)."""


def with_model(call: Call, model: str) -> Call:
    """The same call of another model."""
    return _changed(call, "model", model)


def with_cap(call: Call, model: str, tokens: int) -> Call:
    """The same call with a limit to the output of each choice."""
    return _changed(call, cap_field(call.endpoint.dialect, model), tokens)


def cap_field(dialect: str | None, model: str) -> str:
    """What the limit is called: OpenAI's models know the newer name only, many other servers the older only."""
    if dialect == "responses":
        return "max_output_tokens"
    if dialect == "chat" and style_of(model).family == "openai":
        return "max_completion_tokens"
    return "max_tokens"


def _changed(call: Call, name: str, value: Any) -> Call:
    options = copy.copy(call.options)
    extra = options.extra_json
    if isinstance(extra, Mapping) and name in extra:  # what is written last wins
        options.extra_json = {**cast("Mapping[str, Any]", extra), name: value}
    options.json_data = {**call.body, name: value}
    return call.with_(options=options)
