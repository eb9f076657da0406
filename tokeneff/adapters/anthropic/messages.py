"""Messages, and the completions that came before them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tokeneff._done import Managed
from tokeneff._flow import Call, Tokens
from tokeneff._plain import count
from tokeneff.adapters import Attributes, Endpoint
from tokeneff.adapters._reading import BaseReader, first_count, part, text
from tokeneff.adapters._routes import no_attributes
from tokeneff.adapters.anthropic import _content
from tokeneff.adapters.openai._request import numbers, strings

Body = Mapping[str, Any]

_BILLED = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def tokens_of(usage: Body) -> Tokens | None:
    """Counts of a usage object, made inclusive: ``input_tokens`` leaves out what was read from or written to the cache.

    Source: "Prompt caching", Claude docs: total input = input_tokens + cache_read + cache_creation.
    """
    if usage.get("iterations"):
        usage = _with_compaction(usage)
    fresh = count(usage.get("input_tokens"))
    written = count(usage.get("cache_creation_input_tokens"))
    read = count(usage.get("cache_read_input_tokens"))
    got = count(usage.get("output_tokens"))
    if fresh is None and got is None:
        return None
    details = part(usage, "output_tokens_details")
    lives = part(usage, "cache_creation")
    return Tokens(
        input_tokens=None if fresh is None else fresh + (written or 0) + (read or 0),
        output_tokens=got,
        cache_read=read,
        cache_write=written,
        reasoning=first_count(details, "thinking_tokens", "reasoning_tokens"),
        cache_write_1h=count(lives.get("ephemeral_1h_input_tokens")),
        input_source="unknown" if fresh is None else "provider",
        output_source="unknown" if got is None else "provider",
    )


def _with_compaction(usage: Body) -> Body:
    """With what the provider's own summary of the history used, which is billed and not in the totals.

    Source: ``BetaUsage.iterations`` of the SDK: "A compaction entry's tokens are not included in the top-level usage".
    """
    iterations = usage.get("iterations")
    known = cast("list[object]", iterations) if isinstance(iterations, list) else []
    entries = [part({"one": one}, "one") for one in known]
    more = [entry for entry in entries if entry.get("type") == "compaction"]
    if not more:
        return usage
    found = dict(usage)
    for name in _BILLED:
        counts = [count(entry.get(name)) for entry in (usage, *more)]
        if any(known is not None for known in counts):
            found[name] = sum(known or 0 for known in counts)
    return found


class MessagesReader(BaseReader):
    """Reads ``message`` objects and the events of their streams."""

    __slots__ = ("_final", "_over", "_usage")

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._over = False
        self._final = False
        self._usage: dict[str, Any] = {}

    @property
    def terminal(self) -> bool:
        return self._over

    def read_whole(self, data: Body) -> None:
        self._message(data)
        blocks = data.get("content")
        for number, block in enumerate(cast("list[object]", blocks) if isinstance(blocks, list) else ()):
            if type(block) is dict or isinstance(block, Mapping):
                self._say(cast("Body", block), number)
                self._compact(cast("Body", block))

    def _message(self, data: Body) -> None:
        usage = part(data, "usage")
        if usage:
            self._use(usage)
        self._manage(data)
        reason = text(data.get("stop_reason"))
        if reason is not None:
            self.finish[0] = reason

    def event(self, data: Any) -> Any:
        self.seen = True
        if self.events is not None:
            self.events.append(data)
        if type(data) is not dict:
            return data
        event = cast("dict[str, Any]", data)
        kind = event.get("type")
        if kind == "content_block_delta":
            delta = event.get("delta")
            if type(delta) is dict:
                fields = cast("dict[str, Any]", delta)
                if type(said := fields.get("text")) is str:
                    self.pieces.append(said)
                elif "partial_json" in fields:
                    self.calls_tool(event.get("index"), None, fields["partial_json"])
                elif type(said := fields.get("thinking")) is str:
                    self.thoughts.append(said)
        elif kind == "content_block_start":
            block = part(event, "content_block")
            self._compact(block)
            if "name" in block or block.get("text"):
                self._say(block, event.get("index"))
        elif kind == "message_start":
            message = part(event, "message")
            self.head(message)
            self._message(message)
        elif kind == "message_delta":
            usage = part(event, "usage")
            self._final = self._final or usage.get("output_tokens") is not None
            self._use(usage)
            self._manage(event)
            reason = text(part(event, "delta").get("stop_reason"))
            if reason is not None:
                self.finish[0] = reason
        elif kind == "message_stop":
            self._over = True
        elif kind == "completion":
            self._say(event, 0)
        return event

    def _manage(self, data: Body) -> None:
        """What was left out of the history."""
        if not data.get("context_management"):
            return
        edits = part(data, "context_management").get("applied_edits")
        known = [part({"edit": edit}, "edit") for edit in cast("list[object]", edits or [])]
        if known:
            tokens = sum(count(edit.get("cleared_input_tokens")) or 0 for edit in known)
            results = sum(first_count(edit, "cleared_tool_uses", "cleared_thinking_turns") or 0 for edit in known)
            self.managed = Managed(tokens, results, self.managed is not None and self.managed.compacted)

    def _compact(self, block: Body) -> None:
        if block.get("type") == "compaction":
            self.managed = (self.managed or Managed())._replace(compacted=True)

    def _use(self, usage: Body) -> None:
        """Later counts are cumulative and win; a null says nothing."""
        self._usage.update({key: value for key, value in usage.items() if value is not None})
        self.tokens = tokens_of(self._usage) or self.tokens
        # What is fast has a price of its own, whatever else its tier is called.
        self.tier = "fast" if self._usage.get("speed") == "fast" else text(usage.get("service_tier")) or self.tier

    def _say(self, block: Body, position: object) -> None:
        for key in ("text", "completion"):
            said = block.get(key)
            if type(said) is str and said:
                self.pieces.append(said)
        said = block.get("thinking")
        if type(said) is str and said:
            self.thoughts.append(said)
        if "name" in block:
            tool = block.get("input")
            arguments = ""
            if isinstance(tool, Mapping) and tool:
                import json

                arguments = json.dumps(tool, default=str)
            self.calls_tool(position, block["name"], arguments)

    def _tokens(self, call: Call, body: Body, ending: Any) -> Tokens:
        if self.tokens is not None and call.stream and not self._final:
            # The count at the start of a stream is a first token or so; the true one comes with its end.
            self.tokens = self.tokens._replace(output_source="unknown", reasoning=None)
        return super()._tokens(call, body, ending)


class CountReader(BaseReader):
    """A count of tokens is no use of them."""

    __slots__ = ()


def request_attributes(body: Body) -> Attributes:
    """The attributes of a messages request."""
    found = numbers(body)
    stop = strings(body.get("stop_sequences"))
    if stop is not None:
        found["gen_ai.request.stop_sequences"] = stop
    effort = text(part(body, "output_config").get("effort"))
    if effort is not None:
        found["gen_ai.request.reasoning.level"] = effort
    if part(body, "output_format") or part(part(body, "output_config"), "format"):
        found["gen_ai.output.type"] = "json"
    tier = text(body.get("service_tier"))
    if tier is not None and tier != "auto":
        found["anthropic.request.service_tier"] = tier
    return found


ENDPOINTS = {
    "POST /v1/messages": Endpoint(
        "chat",
        MessagesReader,
        request_attributes,
        model=True,
        content=_content.MessagesContent(),
        dialect="messages",
        turning="tokeneff.adapters.anthropic._turn_messages",
    ),
    "POST /v1/complete": Endpoint(
        "text_completion", MessagesReader, request_attributes, output_type="text", model=True
    ),
    "POST /v1/messages/count_tokens": Endpoint("count_tokens", CountReader, no_attributes),
}
