"""Which calls may be answered from the cache, and kept in it: what can be said of them before they are sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from tokeneff._flow import Call
from tokeneff._log import log_once
from tokeneff.cache._canonical import Unkeyable, body_of
from tokeneff.cache._models import searches, takes_no_sampling


class CallView(NamedTuple):
    """A call as a ``when`` of the user's own sees it."""

    operation: str
    """``chat``, ``text_completion``, ``embeddings``, ``transcription`` …, as of the GenAI conventions."""
    model: str
    body: Mapping[str, Any]
    """The JSON body as it was given: to be looked at only."""
    stream: bool
    tags: Mapping[str, Any]


When: TypeAlias = "Literal['deterministic', 'always'] | Callable[[CallView], bool]"

_KEPT = frozenset(
    (
        "chat",
        "text_completion",
        "embeddings",
        "moderation",
        "transcription",
        "translation",
        "speech",
        "image_generation",
        "image_edit",
        "image_variation",
    )
)
_FIXED = ("embeddings", "moderation")
_HEARD = ("transcription", "translation")
"""Whose temperature is 0 where none is given (OpenAI API reference, "Create transcription")."""
_OURS = frozenset(("function", "custom", "local_shell", "apply_patch", "namespace"))
_OURS_PREFIXES = ("bash_", "text_editor_", "memory_")
"""Tools that the caller runs, to whose results the next request owes all it says. All others run at the provider."""
_LINKS = ("image_url", "file_url", "audio_url", "video_url", "source")
_HOSTED = ("web_search_options", "mcp_servers", "search_parameters", "plugins", "web_search", "enable_search")


def not_kept(call: Call, when: When = "deterministic") -> str:
    """Why a call is left out of the cache, in a few words of low cardinality; empty where it is not.

    ``"no model"``: it is not work of a model. ``"background"`` and ``"stateful"``: its reply is more than what it says,
    for the provider keeps it or a conversation for later. The rest can be widened: ``"hosted tools"`` (web search, code
    interpreter, MCP … run at the provider), ``"linked files"`` (what a link leads to may change), ``"sampled"``
    (neither ``temperature=0`` nor a seed, and the model is none that takes no sampling parameters).

    Args:
        when: ``"deterministic"``, ``"always"``, or what is called with a :class:`CallView` and says whether the call
            may be kept; where it says no, the reason is ``"when"``.
    """
    operation = call.endpoint.operation
    if not call.endpoint.model or operation not in _KEPT or call.options.method.upper() != "POST":
        return "no model"
    try:
        body = body_of(call.body, call.options.extra_json)
    except Unkeyable as why:
        return str(why)
    why = _stateful(call.endpoint.dialect, body)
    if why or when == "always":
        return why
    model = body.get("model")
    model = model if isinstance(model, str) else ""
    if when != "deterministic":
        return _asked(when, CallView(operation, model, body, call.stream, call.tags))
    if operation == "chat" and (_hosted(body) or searches(model)):
        return "hosted tools"
    if _sampled(operation, call.family.name, model, body):
        return "sampled"
    return "linked files" if operation == "chat" and _linked(body) else ""


def _asked(when: Callable[[CallView], bool], view: CallView) -> str:
    try:
        return "" if when(view) else "when"
    except Exception as fault:  # noqa: BLE001 - a fault of the user's function is no fault of the call
        log_once(("cache when", repr(when)), "Cache(when=%r) failed: nothing is kept", when, exc_info=fault)
        return "when"


def _stateful(dialect: str | None, body: Mapping[str, Any]) -> str:
    if body.get("background"):
        return "background"
    if dialect == "responses":
        prompt = body.get("prompt")
        unpinned = isinstance(prompt, Mapping) and not cast("Mapping[str, Any]", prompt).get("version")
        if body.get("store") is not False or unpinned:
            return "stateful"
        return "stateful" if body.get("previous_response_id") or body.get("conversation") else ""
    return "stateful" if body.get("store") or body.get("container") else ""


def _sampled(operation: str, family: str, model: str, body: Mapping[str, Any]) -> bool:
    if operation in _FIXED:
        return False
    temperature = body.get("temperature")
    if isinstance(temperature, (int, float)) and not isinstance(temperature, bool) and temperature == 0:
        return False
    if operation in _HEARD:
        return temperature is not None
    if operation not in ("chat", "text_completion"):
        return True
    if family == "openai" and type(body.get("seed")) is int:
        return False
    effort = body.get("reasoning_effort") or _part(body.get("reasoning")).get("effort")
    return not takes_no_sampling(model, effort)


def _hosted(body: Mapping[str, Any]) -> bool:
    tools = body.get("tools")
    for tool in cast("list[Any]", tools) if isinstance(tools, (list, tuple)) else ():
        kind = _part(tool).get("type") if isinstance(tool, Mapping) else getattr(tool, "type", None)
        if isinstance(kind, str) and kind not in _OURS and not kind.startswith(_OURS_PREFIXES):
            return True
    return any(body.get(name) for name in _HOSTED)


def _linked(body: Mapping[str, Any]) -> bool:
    for name in ("messages", "input"):
        for turn in _several(body.get(name)):
            if type(turn) is dict and type(cast("dict[str, Any]", turn).get("content")) is str:
                continue
            if _links(turn):
                return True
    return False


def _links(turn: Any) -> bool:
    """Whether a message, an item or a block of it has a link that the provider follows."""
    holder = _part(turn)
    for name in _LINKS:
        link = holder.get(name)
        if link is None:
            continue
        url = link.get("url") if isinstance(link, Mapping) else link  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if isinstance(url, str) and not url.startswith("data:"):
            return True
    output = holder.get("output")
    blocks = [*_several(holder.get("content")), *(_several(output) or [output])]
    return any(_links(block) for block in blocks if block is not None)


def _several(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, (list, tuple)) else []


def _part(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if type(value) is dict or isinstance(value, Mapping) else {}
