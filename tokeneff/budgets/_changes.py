"""Changes that budgets make to a request: another model, a limit to its output. Always to a copy."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, cast

from tokeneff._flow import Call
from tokeneff._plain import fields, items
from tokeneff.budgets._limits import limit_of
from tokeneff.budgets._requests import CAPS, given
from tokeneff.budgets._takes import Field, newer_cap, refused
from tokeneff.tokens._models import style_of

LEAST_CAP = 16
"""Tokens below which a reply is not worth asking for (and the Responses API refuses to be asked)."""

Body = dict[str, Any]


def with_model(call: Call, model: str) -> tuple[Call, tuple[str, ...]]:
    """The same call of another model, and what it lost: what that model is known not to take.

    A limit to the output that is larger than the model's own is lowered to that.
    """
    lost: list[str] = []
    dialect, most = call.endpoint.dialect, max(1, limit_of(model).output)

    def change(body: Body) -> None:
        lost.extend(str(field) for field in refused(model) if _dropped(body, field))
        if dialect == "chat" and newer_cap(model) and type(body.get("max_tokens")) is int:
            body.setdefault("max_completion_tokens", body.pop("max_tokens"))
        for name in CAPS[dialect]:
            if type(body.get(name)) is int:
                body[name] = min(body[name], most)

    return _changed(call, change, model=model), tuple(dict.fromkeys(lost))


def with_cap(call: Call, model: str, tokens: int) -> Call:
    """The same call with a limit to the output of each choice."""
    return _changed(call, lambda body: None, **{cap_field(call.endpoint.dialect, model): tokens})


def cap_field(dialect: str | None, model: str) -> str:
    """What the limit is called: OpenAI's models know the newer name only, many other servers the older only."""
    if dialect == "responses":
        return "max_output_tokens"
    if dialect == "chat" and style_of(model).family == "openai":
        return "max_completion_tokens"
    return "max_tokens"


def _dropped(body: Body, field: Field) -> bool:
    """Take a field, or its part, away; whether it was there."""
    if not given(body, field.name):
        return False
    value: Any = body[field.name]
    about: Mapping[str, Any] = fields(value) or {}
    if field.item:
        if field.item not in items(value):
            return False
        body[field.name] = [one for one in items(value) if one != field.item]
        return True
    if field.inner:
        if not given(about, field.inner):
            return False
        body[field.name] = {key: one for key, one in about.items() if key != field.inner}
        return True
    if field.kind and about.get("type") != field.kind:
        return False
    del body[field.name]
    return True


def _changed(call: Call, change: Callable[[Body], object], **more: Any) -> Call:
    options = copy.copy(call.options)
    body, extra = dict(call.body), options.extra_json
    change(body)
    if isinstance(extra, Mapping):  # what is written last wins
        inner: Body = dict(cast("Mapping[str, Any]", extra))
        change(inner)
        inner.update({name: value for name, value in more.items() if name in inner})
        options.extra_json = inner
    options.json_data = {**body, **more}
    return call.with_(options=options)
