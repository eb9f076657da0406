"""Setting in a request what its caller has left open, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokeneff._done import Preset
from tokeneff._plain import fields, items
from tokeneff.budgets._changes import cap_field
from tokeneff.budgets._limits import limit_of
from tokeneff.budgets._requests import CAPS, given
from tokeneff.trim.output._output import Wanted
from tokeneff.trim.output._takes import takes

Body = Mapping[str, Any]
_NOTHING: Body = {}
_PLACES: dict[tuple[str, str], tuple[str, str]] = {
    ("chat", "effort"): ("reasoning_effort", ""),
    ("chat", "verbosity"): ("verbosity", ""),
    ("responses", "effort"): ("reasoning", "effort"),
    ("responses", "verbosity"): ("text", "verbosity"),
    ("messages", "effort"): ("output_config", "effort"),
}
_LIKE = {"reasoning_effort": ("reasoning_effort", "reasoning", "thinking")}
"""Other names of the same, as other servers have them."""
_NEWER_CAP = (".openai.azure.com", ".openai.azure.us", ".cognitiveservices.azure.com", "api.openai.com")
"""Hosts whose chat API knows the newer name of the limit, and of whose models some know no other."""


def preset(body: Body, extra: object, dialect: str, host: str, wanted: Wanted) -> tuple[dict[str, Any], Preset] | None:
    """A copy of a body with the defaults in it that its caller has left open, and which; ``None`` where that is none.

    Args:
        extra: what the SDK puts over the body's fields. wanted: the defaults, without those that were given up.
    """
    over = fields(extra) or {}
    model = body.get("model")
    if not isinstance(model, str) or "model" in over or given(body, "prompt") or "prompt" in over:
        return None  # a prompt that is kept by the provider has settings of its own
    making = _Making(body, over)
    most = wanted.max_tokens
    if most is not None and dialect in ("chat", "responses") and most < limit_of(model).output:
        newer = dialect == "chat" and host.endswith(_NEWER_CAP)
        making.field("max_completion_tokens" if newer else cap_field(dialect, model), CAPS[dialect], "max_tokens", most)
    tools = dialect == "chat" and bool(items(body.get("tools")) or items(over.get("tools")))
    for setting, value in (("effort", wanted.effort), ("verbosity", wanted.verbosity)):
        name, inner = _PLACES.get((dialect, setting), ("", ""))
        if value is None or not name or not takes(model, setting, value, tools):
            continue
        if inner:
            making.inner(name, inner, setting, value)
        else:
            making.field(name, _LIKE.get(name, (name,)), setting, value)
    if not making.values:
        return None
    before = {name: body[name] for name in making.places.values() if name in body}
    return making.body, Preset(making.values, making.places, before)


class _Making:
    """A body that defaults are put into."""

    def __init__(self, body: Body, over: Body) -> None:
        self.body = dict(body)
        self.over = over
        self.values: dict[str, int | str] = {}
        self.places: dict[str, str] = {}

    def field(self, name: str, like: Sequence[str], setting: str, value: int | str) -> None:
        """Set a field, unless one of these is given."""
        if not any(one in self.over or given(self.body, one) for one in like):
            self._put(name, value, setting, value)

    def inner(self, name: str, inner: str, setting: str, value: str) -> None:
        """Set a field of a field."""
        held: Body | None = fields(self.body.get(name)) if given(self.body, name) else _NOTHING
        if name not in self.over and held is not None and not given(held, inner):
            self._put(name, {**held, inner: value}, setting, value)

    def _put(self, name: str, value: object, setting: str, told: int | str) -> None:
        self.body[name] = value
        self.values[setting], self.places[setting] = told, name


def without(body: Body, set_: Preset) -> dict[str, Any]:
    """A copy of a body as it would be had its caller's own fields stayed as they were."""
    made = dict(body)
    for name in set_.fields.values():
        if name in set_.before:
            made[name] = set_.before[name]
        else:
            made.pop(name, None)
    return made


def named(message: str, set_: Preset) -> tuple[str, ...]:
    """The settings that a provider's answer speaks of."""
    said = message.lower()
    words = {"max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens"), "effort": ("effort",)}
    return tuple(name for name in set_.values if any(word in said for word in words.get(name, (name,))))
