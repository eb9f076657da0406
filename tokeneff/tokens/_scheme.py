"""How the elements of a request of one dialect and model are counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tokeneff._plain import fields, items, string
from tokeneff.tokens import _anthropic, _openai
from tokeneff.tokens._estimate import estimate
from tokeneff.tokens._gather import SHAPES, Gathered, Shape, compact
from tokeneff.tokens._images import image_rule
from tokeneff.tokens._models import Family, Style
from tokeneff.tokens._prompt import Content, Kind, Piece
from tokeneff.tokens._remembered import Known, content_digest
from tokeneff.tokens._schemas import typescript
from tokeneff.tokens._text import count_text
from tokeneff.tokens._traits import traits_from
from tokeneff.tokens._vocabulary import Count


class Scheme(NamedTuple):
    """All that a count depends on beside the element itself."""

    key: str
    """Equal exactly if all the rest is; part of what counts are remembered under."""
    dialect: str
    family: Family
    model: str
    encoding: str
    exact: bool
    vocabulary: Count | None
    images: str
    shape: Shape
    settled: bool = True
    """Whether no better vocabulary is to be expected."""

    def text(self, text: str) -> int:
        """Tokens of a text."""
        return estimate(text) if self.vocabulary is None else count_text(text, self.vocabulary)

    def known(self, part: str, element: Any) -> Known:
        """Count an element: one of ``tools``, ``schema``, ``system`` or ``messages``."""
        found = Gathered(self.images)
        kind = self._gather(part, element, found)
        sums: dict[Content, int] = {}
        for content, value in found.bits:
            sums[content] = sums.get(content, 0) + (value if isinstance(value, int) else self.text(value))
        piece = Piece(
            kind,
            content_digest(element),
            sum(sums.values()),
            tuple(sums.items()),
            traits_from(kind, element, found),
            found.marked,
        )
        return Known(piece, tuple(dict.fromkeys(found.unknown)))

    def _gather(self, part: str, element: Any, found: Gathered) -> Kind:
        inner = fields(element) if not isinstance(element, str) else None
        if part == "tools":
            self._tool(inner or {}, found)
            return "tools"
        if part == "schema":
            found.add("schema", compact(element))
            return "tools"
        if part == "system":
            self._system(inner, element, found)
            return "system"
        if inner is None:
            self._plain_input(element, found)
            return "user"
        if self.dialect == "messages":
            return _anthropic.message(inner, found, self.shape)
        if self.dialect == "responses":
            return _openai.response_item(inner, found, self.shape)
        return _openai.chat_message(inner, found, self.shape)

    def _tool(self, tool: Mapping[str, Any], found: Gathered) -> None:
        function = fields(tool.get("function")) or tool
        name = string(function.get("name")) or string(tool.get("type")) or ""
        if name:
            found.names.append(name)
        found.marked = tool.get("cache_control") is not None
        if "parameters" not in function and "input_schema" not in function and string(tool.get("type")) != "function":
            found.unknown.append("hosted tool")
        if self.family == "openai":
            found.add("schema", typescript(function))
        else:
            found.add("schema", compact({key: function[key] for key in function if key != "cache_control"}))

    def _system(self, inner: Mapping[str, Any] | None, element: Any, found: Gathered) -> None:
        if self.dialect == "responses":
            found.add("text", self.shape.message)
        if inner is None:
            found.add("text", string(element) or "")
        else:
            _anthropic.block(inner, found, self.shape)

    def _plain_input(self, element: Any, found: Gathered) -> None:
        text = string(element)
        if self.dialect == "responses":
            found.add("text", self.shape.message)
        if text is None and items(element):
            found.add("text", len(items(element)))  # a prompt given as tokens
        else:
            found.add("text", text or "")


def make_scheme(dialect: str, model: str, style: Style, vocabulary: Count | None, settled: bool = True) -> Scheme:
    """The scheme of a dialect and model, by the vocabulary that is at hand or, without one, by estimate."""
    family = style.family
    images = image_rule(model, family)
    used = style.encoding if vocabulary is not None else "estimator"
    shape = SHAPES["anthropic" if dialect == "messages" else family]
    exact = style.own and vocabulary is not None
    key = f"{dialect}|{family}|{used}|{images}"
    return Scheme(key, dialect, family, model, used, exact, vocabulary, images, shape, settled)


class Elements(NamedTuple):
    """A request's elements, by the part that they are counted as, and what frames the whole."""

    tools: Any = ()
    schema: Any = None
    system: Any = ()
    messages: Any = ()
    own: frozenset[str] = frozenset()
    """Keys of the body that are in these."""
    unknown: tuple[str, ...] = ()


_CHAT = frozenset(("messages", "tools", "functions", "response_format"))
_MESSAGES = frozenset(("messages", "system", "tools", "output_config", "output_format"))
_RESPONSES = frozenset(("input", "instructions", "tools", "text"))
_PROMPT = frozenset(("prompt",))
_INPUT = frozenset(("input",))


def elements_of(dialect: str, body: Mapping[str, Any]) -> Elements:
    """Take a request apart."""
    get = body.get
    if dialect == "chat":
        schema = get("response_format")
        if schema is not None:
            schema = (fields(schema) or {}).get("json_schema")
        return Elements(_listed(get("tools") or get("functions")), schema, (), _listed(get("messages")), _CHAT)
    if dialect == "messages":
        schema = get("output_config") or get("output_format")
        if schema is not None:
            inner = fields(schema) or {}
            schema = (fields(inner.get("format")) or inner).get("schema")
        return Elements(_listed(get("tools")), schema, _listed(get("system")), _listed(get("messages")), _MESSAGES)
    if dialect == "responses":
        schema = get("text")
        if schema is not None:
            schema = (fields((fields(schema) or {}).get("format")) or {}).get("schema")
        unknown = tuple(name for name in ("previous_response_id", "conversation", "prompt") if get(name) is not None)
        system = _listed(get("instructions"))
        return Elements(_listed(get("tools")), schema, system, _listed(get("input")), _RESPONSES, unknown)
    if dialect == "completions":
        return Elements(messages=_prompts(get("prompt")), own=_PROMPT)
    return Elements(messages=_prompts(get("input")), own=_INPUT)


def _listed(value: Any) -> Any:
    """A sequence as it is, one thing as a list of it; an iterator is not ours to consume."""
    if type(value) is list or type(value) is tuple:
        return value  # pyright: ignore[reportUnknownVariableType]
    if value is None or value == "":
        return ()
    if isinstance(value, str) or fields(value) is not None:
        return [value]
    return items(value)


def _prompts(value: Any) -> Any:
    found = _listed(value)
    return [list(found)] if found and type(found[0]) is int else found


def frame(scheme: Scheme, parts: Elements, body: Mapping[str, Any]) -> int:
    """Tokens that frame a whole request."""
    if scheme.dialect in ("completions", "embeddings"):
        return 0
    total = scheme.shape.reply
    if not parts.tools:
        return total
    choice = body.get("tool_choice")
    if scheme.dialect == "messages":
        return total + _anthropic.tool_prompt(scheme.model.lower(), choice)
    if scheme.family != "openai":
        return total
    # What `namespace functions { … }` and its own message are, less where a system message takes it in.
    total += 18 - (4 if _has_system(parts) else 0)
    inner = fields(choice) if not isinstance(choice, str) else None
    if inner is not None:
        return total + 4 + scheme.text(string((fields(inner.get("function")) or inner).get("name")) or "")
    return total + (choice == "none")


def _has_system(parts: Elements) -> bool:
    if parts.system:
        return True
    first = fields(parts.messages[0]) if isinstance(parts.messages, (list, tuple)) and parts.messages else None  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return first is not None and first.get("role") in ("system", "developer")
