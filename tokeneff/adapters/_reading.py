"""Reading replies: what the readers of every endpoint share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tokeneff._done import Managed
from tokeneff._flow import UNKNOWN, Call, Ending, Facts, Tokens, Written
from tokeneff._plain import count, sound

Body = Mapping[str, Any]
_NOTHING: Body = {}


def part(body: Mapping[str, Any], *names: str) -> Body:
    """The first of these fields that is an object, or an empty one."""
    for name in names:
        value = body.get(name)
        if type(value) is dict or (value is not None and isinstance(value, Mapping)):
            return cast("Body", value)
    return _NOTHING


def text(value: object) -> str | None:
    """A non-empty string, made fit to be sent on, or ``None``."""
    return sound(value) if isinstance(value, str) and value else None


def first_count(body: Mapping[str, Any], *names: str) -> int | None:
    """The first of these fields that is a count."""
    for name in names:
        value = count(body.get(name))
        if value is not None:
            return value
    return None


class BaseReader:
    """Facts and usage of one reply. Subclasses say how they are found in the JSON of their endpoint."""

    __slots__ = (
        "_answered",
        "_call",
        "calls",
        "events",
        "fingerprint",
        "finish",
        "id",
        "managed",
        "model",
        "pieces",
        "seen",
        "thoughts",
        "tier",
        "tokens",
        "whole_data",
    )

    def __init__(self, call: Call) -> None:
        self._call = call
        self._answered = False
        self.seen = False
        self.id: str | None = None
        self.model: str | None = None
        self.tier: str | None = None
        self.fingerprint: str | None = None
        self.finish: dict[int, str] = {}
        self.tokens: Tokens | None = None
        self.managed: Managed | None = None
        self.pieces: list[str] = []
        """Text as it came."""
        self.thoughts: list[str] = []
        """Reasoning as it came."""
        self.calls: dict[Any, list[str]] = {}
        """By the position of a tool call: its name, then its arguments as they came."""
        self.events: list[Any] | None = [] if call.capture else None
        self.whole_data: Body | None = None

    @property
    def terminal(self) -> bool:
        """Whether the reply has said that it is at its end."""
        return False

    def head(self, data: Body) -> None:
        """What the first event, or the whole, says of the reply."""
        self.seen = True
        get = data.get
        if type(said := get("id")) is str:
            self.id = sound(said)
        if type(said := get("model")) is str:
            self.model = sound(said)
        if type(said := get("service_tier")) is str:
            self.tier = sound(said)
        if type(said := get("system_fingerprint")) is str:
            self.fingerprint = sound(said)

    def whole(self, data: Body) -> None:
        """Read a reply that came in one piece."""
        self.head(data)
        if self._call.capture:
            self.whole_data = data
        self.read_whole(data)

    def read_whole(self, data: Body) -> None:
        """Usage and finish reasons of a whole reply."""

    def event(self, data: Any) -> Any:
        """Read one event of a stream."""
        self.seen = True
        if self.events is not None:
            self.events.append(data)
        return data

    def calls_tool(self, position: Any, name: object, arguments: object) -> None:
        """Take note of a tool call, or of another piece of one."""
        call = self.calls.get(position)
        if call is None:
            call = self.calls[position] = [""]
        if type(name) is str and name:
            call[0] = name
        if type(arguments) is str and arguments:
            call.append(arguments)

    def written(self) -> Written:
        """What was read of the reply, by kind."""
        calls = tuple((call[0], "".join(call[1:])) for call in self.calls.values())
        return Written("".join(self.pieces), "".join(self.thoughts), calls)

    def conversation(self) -> str | None:
        """A conversation's real id, if the reply names one."""
        return None

    def result(self, call: Call, sent: Body | None, ending: Ending) -> tuple[Tokens, Facts]:
        """Counts and facts, now that the reply is over."""
        self._answered = sent is not None
        tokens = self._tokens(call, sent if sent is not None else call.body, ending)
        facts = Facts(
            self.id,
            self.model,
            self._reasons(ending),
            self.tier,
            self.fingerprint,
            self.conversation(),
            self._messages(),
            self.written(),
            self.managed,
        )
        return tokens, facts

    def _reasons(self, ending: Ending) -> tuple[str, ...]:
        finish = self.finish
        reasons = tuple(finish.values()) if len(finish) < 2 else tuple(finish[index] for index in sorted(finish))
        if reasons or ending == "read" or not self._call.endpoint.model:
            return reasons
        return ("error",) if self.seen and self._call.stream else ()

    def _messages(self) -> tuple[Any, ...] | None:
        content = self._call.endpoint.content
        if content is None or not self._call.capture:
            return None
        if self.whole_data is not None:
            return content.reply(self.whole_data)
        return content.stream(self.events) if self.events else None

    def _tokens(self, call: Call, body: Body, ending: Ending) -> Tokens:
        tokens = self.tokens
        if not call.endpoint.model or (tokens is None and not self.seen and not self._answered):
            return UNKNOWN
        if tokens is not None and tokens.output_source == "provider" and tokens.input_source == "provider":
            return tokens
        from tokeneff.tokens import estimate, estimate_body

        tokens = tokens or UNKNOWN
        if tokens.input_source != "provider":
            tokens = tokens._replace(input_tokens=estimate_body(body), input_source="estimated")
        if not self.seen:
            return tokens  # a good answer that nobody has read: its input was taken, its output is not known
        if tokens.output_source != "provider" and self.counts_output:
            said = self.written()
            written = "".join((said.text, said.reasoning, *(part for call in said.tool_calls for part in call)))
            tokens = tokens._replace(output_tokens=estimate(written), output_source="estimated")
        elif tokens.output_source != "provider":
            tokens = tokens._replace(output_source=tokens.input_source)
        return tokens

    counts_output = True
    """Whether the reply is text that costs tokens (not so for embeddings)."""


class PlainReader(BaseReader):
    """Reads the replies of endpoints that are no work of a model: their id, no more."""

    __slots__ = ()
