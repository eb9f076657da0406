"""What is wrong with a request or a reply itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tokeneff.errors._general import TokeneffError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokeneff._flow import Written


class ContextTooLong(TokeneffError):
    """A request has more input tokens than may be sent, and would have even without all that may be left out of it;
    nothing was sent, and the text says what stands in the way.

    Example::

        try:
            client.chat.completions.create(...)
        except tokeneff.ContextTooLong as error:
            print(error)        # the request has about 152,300 tokens, and 120,000 may be sent at most; without all …
            print(error.parts)  # {'tools': 2100, 'newest user turn': 131000}

    Args:
        limit: input tokens that may be sent, of the whole request.
        tokens: how many the request has, as expected.
        least: how many it would have without all that may be left out.
        parts: the same by what they are of, the largest first.
        model: whom it was for.
    """

    __module__ = "tokeneff.errors"

    def __init__(
        self, limit: int = 0, tokens: int = 0, least: int = 0, parts: Mapping[str, int] | None = None, model: str = ""
    ) -> None:
        self.limit = limit
        self.tokens = tokens
        self.least = least
        self.parts = dict(sorted((parts or {}).items(), key=lambda part: -part[1]))
        self.model = model
        whom = f" to {model}" if model else ""
        text = f"the request has about {tokens:,} tokens, and {limit:,} may be sent{whom} at most"
        text += f"; without all that may be left out it still has {least:,}"
        of = ", ".join(f"{name} {size:,}" for name, size in self.parts.items() if size)
        text += f": {of}" if of else ""
        super().__init__(f"{text}. Send less of the largest of these, or set a higher Trim(max_input_tokens=…)")


class RunawayRepetition(TokeneffError):
    """A stream said the same over and over and was cut (``Trim(output=tokeneff.Output(stop_repetition=True))``); what
    had come until then is charged.

    Example::

        try:
            for chunk in client.chat.completions.create(..., stream=True):
                ...
        except tokeneff.RunawayRepetition as error:
            print(error)               # a stream was cut: its text ended in the same 24 characters 333 times over; …
            print(error.partial.text)  # what had come

    Args:
        unit: what was repeated. times: how often, when that was noticed.
        where: in what: ``"text"``, ``"reasoning"``, ``"tool call"``.
        partial: what of the stream was received before it was cut.
    """

    __module__ = "tokeneff.errors"

    def __init__(
        self,
        unit: str = "",
        times: int = 0,
        where: Literal["text", "reasoning", "tool call"] = "text",
        partial: Written | None = None,
    ) -> None:
        self.unit = unit
        self.times = times
        self.where: Literal["text", "reasoning", "tool call"] = where
        self.partial = partial
        whose = {"text": "its text", "reasoning": "its reasoning", "tool call": "a tool call"}[where]
        super().__init__(
            f"a stream was cut: {whose} ended in the same {len(unit):,} characters {times:,} times over; they are in "
            "this error's unit, and all that had come is in its partial"
        )
