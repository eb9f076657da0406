"""The counter: requests as pieces, what is known of them remembered, and what providers' own counts teach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

from tokeneff._log import log_once
from tokeneff._plain import COMMON, absent, plain
from tokeneff.tokens._files import TokenizerFile, tokenizer_file
from tokeneff.tokens._learning import Learning
from tokeneff.tokens._models import Style, style_of
from tokeneff.tokens._prompt import Piece, Prompt
from tokeneff.tokens._remembered import Generations, Known, digest, fork_safe, shallow_mark, written, written_here
from tokeneff.tokens._scheme import Scheme, elements_of, frame, make_scheme
from tokeneff.tokens._vocabulary import FILE, Vocabularies
from tokeneff.tokens._vocabulary import vocabularies as shared

_MOST_EXACT = 8 * 1024 * 1024
_MOST_COUNTED = 16 * 1024 * 1024
_MOST_SCHEMES = 1000
_NOTHING = Prompt((), 0, "estimator", False, ("request",))
_SEEN = "messages"


class Counter:
    """Counts requests before they are sent; thread-safe, and one serves a whole process.

    >>> counter = Counter()
    >>> prompt = counter.prompt("chat", {"messages": [{"role": "user", "content": "Hello"}]}, "gpt-4o")
    >>> counter.expected(prompt, "gpt-4o", "openai")[0] == prompt.tokens
    True

    Nothing here raises, blocks, or keeps what it was given: strings of plain messages are remembered, at most 8 MB of
    them, and digests and counts of everything, at most 16 MB.
    """

    def __init__(self, vocabularies: Vocabularies | None = None) -> None:
        self._vocabularies = shared if vocabularies is None else vocabularies
        self._exact: Generations[Any] = Generations(_MOST_EXACT)
        self._counted: Generations[Known] = Generations(_MOST_COUNTED)
        self._schemes: dict[tuple[str, str], Scheme] = {}
        self._styles: dict[str, tuple[Style, TokenizerFile | None]] = {}
        self._learning = Learning()
        self.counted = 0
        """Elements that had to be counted, not being remembered."""
        fork_safe(self._exact, self._counted, self._learning)

    def prompt(self, dialect: str | None, body: Mapping[str, Any], model: str) -> Prompt:
        """Count a request.

        Args:
            dialect: ``chat``, ``responses``, ``messages``, ``completions`` or ``embeddings``; ``None``: no request
                of a model, which is an empty prompt.
            body: the request, as the SDK was given it or as it is sent; it is not changed, nor kept.
            model: as asked for, also with a provider's prefix.

        Returns:
            its pieces in the order of a provider's prompt cache; counts by the model's own encoding, the nearest one,
            or by estimate as long as no vocabulary is loaded.
        """
        if dialect is None:
            return _NOTHING._replace(unknown=())
        try:
            return self._prompt(dialect, body, model)
        except Exception as fault:  # noqa: BLE001 - counting must not reach the call
            log_once(("tokens.prompt", type(fault)), "a request could not be counted", exc_info=fault)
            return _NOTHING

    def await_vocabulary(self, model: str, seconds: float) -> bool:
        """Wait for the model's vocabulary to be loaded; returns whether it is. No live call does this."""
        style, file = style_of(model), tokenizer_file(model)
        if file is not None and not style.own and self._vocabularies.ready(FILE + file.path, seconds) is not None:
            return True
        return self._vocabularies.ready(style.encoding, seconds) is not None

    def text(self, text: str, model: str) -> int:
        """Tokens of a text, by the model's encoding or the nearest one."""
        return self._scheme("chat", model).text(text)

    def expected(
        self, prompt: Prompt, model: str, provider: str, session: str | None = None, at: float | None = None
    ) -> tuple[int, float]:
        """How many input tokens the provider is expected to report, and the expected relative error of that.

        Where an earlier request, of which the provider's count was learnt, is the beginning of this one, that count
        is gone on from; else all of the request is weighed by what was learnt of the model. The true error is within
        the expected one about five times out of six.

        Args:
            session: the caller's name of the conversation, for when its history was changed.
            at: when the request is sent, in seconds since 1970; no count depends on it.
        """
        try:
            return self._learning.expected(prompt, model, provider, session)
        except Exception as fault:  # noqa: BLE001
            log_once(("tokens.expected", type(fault)), "a count could not be corrected", exc_info=fault)
            return prompt.tokens, 1.0

    def less(self, whole: Prompt, rest: Prompt, model: str, provider: str) -> int:
        """Tokens that a request has more than what was left of it, as the provider would count them."""
        return self._learning.less(whole, rest, model, provider)

    def learn(self, prompt: Prompt, model: str, provider: str, input_tokens: int, session: str | None = None) -> None:
        """Take in what the provider itself counted, all input included, cached or not."""
        try:
            self._learning.learn(prompt, model, provider, input_tokens, session)
        except Exception as fault:  # noqa: BLE001
            log_once(("tokens.learn", type(fault)), "a provider's count could not be learnt from", exc_info=fault)

    def state(self) -> dict[str, Any]:
        """What was learnt of models, as JSON data; nothing of any request is in it."""
        return self._learning.state()

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave, maybe in another process.

        Raises:
            ValueError: this is no such state; nothing is changed.
        """
        self._learning.load(state)

    def _scheme(self, dialect: str, model: str) -> Scheme:
        found = self._schemes.get((dialect, model))
        if found is not None and found.settled:
            return found
        style, file = self._styles.get(model) or self._style(model)
        if file is not None:
            vocabulary = self._vocabularies.ready(FILE + file.path)
            if vocabulary is not None:
                return self._settle(
                    make_scheme(dialect, model, style._replace(encoding=file.label, own=True), vocabulary)
                )
        vocabulary = self._vocabularies.ready(style.encoding)
        if vocabulary is not None and (file is None or not self._vocabularies.pending(FILE + file.path)):
            return self._settle(make_scheme(dialect, model, style, vocabulary))
        if found is None or vocabulary is not found.vocabulary:
            found = self._settle(make_scheme(dialect, model, style, vocabulary, settled=False))
        return found

    def _style(self, model: str) -> tuple[Style, TokenizerFile | None]:
        if len(self._styles) >= _MOST_SCHEMES:
            self._styles = {}
        style = style_of(model)
        found = self._styles[model] = (style, None if style.own else tokenizer_file(model))
        return found

    def _settle(self, scheme: Scheme) -> Scheme:
        if len(self._schemes) >= _MOST_SCHEMES:
            self._schemes = {}
        self._schemes[scheme.dialect, scheme.model] = scheme
        return scheme

    def _prompt(self, dialect: str, body: Mapping[str, Any], model: str) -> Prompt:
        scheme = self._scheme(dialect, model)
        parts = elements_of(dialect, body)
        found: list[Known] = []
        if parts.tools:
            found.extend(self._tools(scheme, parts.tools))
        if parts.schema is not None:
            found.append(self._element(scheme, "schema", parts.schema))
        if parts.system:
            found.extend([self._element(scheme, "system", element) for element in parts.system])
        self._messages(scheme, parts.messages, found)
        pieces: tuple[Piece, ...] = tuple([known[0] for known in found])
        unknown = [name for known in found if known[1] for name in known[1]]
        if parts.unknown:
            unknown.extend(parts.unknown)
        if not parts.messages and any(hasattr(body.get(name), "__next__") for name in parts.own):
            unknown.append("iterator")
        total = sum([piece[2] for piece in pieces]) + frame(scheme, parts, body)
        return Prompt(
            pieces,
            total,
            scheme.encoding,
            scheme.exact,
            tuple(dict.fromkeys(unknown)) if unknown else (),
            _whole(pieces, parts.own, body),
        )

    def _messages(self, scheme: Scheme, messages: Sequence[Any], found: list[Known]) -> None:
        """The hot loop: on a long conversation, nearly every message was seen before."""
        key = scheme.key
        marks: list[Any] = [
            (key, message["role"], message["content"])
            if type(message) is dict
            and len(message) == 2  # pyright: ignore[reportUnknownArgumentType]
            and "role" in message
            and "content" in message
            and type(message["content"]) is str  # pyright: ignore[reportUnknownArgumentType]
            and type(message["role"]) is str  # pyright: ignore[reportUnknownArgumentType]
            else _mark_of(key, message)
            for message in messages
        ]
        seen: list[Any] = list(map(self._exact.young.get, marks))
        if all(seen):
            found.extend([known[0] for known in seen])
            return
        for message, mark, known in zip(messages, marks, seen, strict=True):
            if known is not None:
                found.append(known[0])
            elif mark is not None:
                found.append(self._plain_text(scheme, mark, message))
            else:
                found.append(self._element(scheme, _SEEN, message))

    def _plain_text(self, scheme: Scheme, mark: tuple[Any, ...], message: Any) -> Known:
        known = self._exact.get(mark)
        if known is None:
            data = written(message)
            known = self._counted_before(scheme, _SEEN, message, data)
            self._exact.put(mark, known, 300 + len(data or b""))
        return known

    def _tools(self, scheme: Scheme, tools: Any) -> tuple[Known, ...]:
        # An application sends the very tools each time; if it does not, each is looked up by itself.
        data = written_here(tools)
        if data is None:
            return tuple(self._element(scheme, "tools", tool) for tool in tools)
        mark = (scheme.key, 0, data)
        known = self._exact.get(mark)
        if known is None:
            known = tuple(self._element(scheme, "tools", tool) for tool in tools)
            self._exact.put(mark, known, 200 + len(data))
        return known

    def _element(self, scheme: Scheme, part: str, element: Any) -> Known:
        data = written(element)
        if data is None:
            element = plain(element)
            data = written(element)
            return self._counted_before(scheme, part, element, data)
        mark = (scheme.key, part, data)
        known = self._exact.get(mark)
        if known is None:
            known = self._counted_before(scheme, part, element, data)
            self._exact.put(mark, known, 200 + len(data))
        return known

    def _counted_before(self, scheme: Scheme, part: str, element: Any, data: bytes | None) -> Known:
        if data is None:
            self.counted += 1
            return scheme.known(part, element)
        mark = (scheme.key, part, digest(data))
        known = self._counted.get(mark)
        if known is None:
            self.counted += 1
            known = scheme.known(part, element)
            self._counted.put(mark, known, _weight(known.piece))
        return known


def _mark_of(key: str, message: Any) -> tuple[Any, ...] | None:
    """What only an equal message has, where that is quick to tell; what models write is short, or has calls in it."""
    if type(message) is not dict or cast("dict[str, Any]", message).get("role") == "assistant":
        return None
    return shallow_mark(key, cast("dict[str, Any]", message))


def _weight(piece: Piece) -> int:
    """Bytes that a piece takes, about."""
    traits = piece.traits
    return 600 + 60 * len(traits.lines) + 100 * len(traits.volatile) + 80 * len(traits.identifiers)


def _whole(pieces: tuple[Piece, ...], own: frozenset[str], body: Mapping[str, Any]) -> bytes:
    """Digest of all pieces and of all that the request has beside them; what an SDK marks as not given is not sent."""
    rest = [
        (key, value)
        for key, value in body.items()
        if key not in own and isinstance(key, str) and (type(value) in COMMON or not absent(value))  # pyright: ignore[reportUnnecessaryIsInstance]
    ]
    rest.sort(key=_name)
    data = written(rest)
    if data is None:
        data = written(plain(rest)) or b""
    return digest(b"".join([piece[1] for piece in pieces]) + data)


_name = itemgetter(0)


_own: Counter | None = None


def counter() -> Counter:
    """The counter of this process."""
    global _own
    if _own is None:
        _own = Counter()
    return _own
