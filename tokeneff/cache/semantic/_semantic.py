"""What a user says of a cache that answers questions put in other words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokeneff.budgets._durations import SECOND, microseconds
from tokeneff.cache.semantic._encoders import Encoder, checked

if TYPE_CHECKING:
    from datetime import timedelta

    from tokeneff.cache.semantic._answers import Answer


@dataclass(frozen=True, init=False)
class Semantic:
    """Answers questions that were asked before in other words, once it has seen that this goes well.

    Example::

        cache = tokeneff.Cache("sqlite:///cache.db", semantic=tokeneff.Semantic("lexical", max_false_hits=0.02))

    Only the text of the last user turn may differ; a system prompt, a tool, a parameter or a tenant more or less is
    another context, of which nothing is known here. A question whose numbers, dates, names, negations, code, quotations
    or direction are others is never answered by the reply to another one. What remains is sent, and its reply compared
    with the one that would have been served, until, in that context and overall, fewer than ``max_false_hits`` of such
    candidates are wrong with ``confidence``; and ``explore`` of them are sent and compared ever after. So nothing is
    served at first: with 0.01, candidates have to have been right 347 times in a row, with 0.05 67 times.

    The bound holds for candidates like those that were compared: it is a share of all that is served, of questions
    that go on as they came. It says nothing of what ``compare`` takes for the same answer and is not.

    Args:
        encoder: what tells how like two questions are: ``"lexical"`` (built in: by words and letters, offline);
            ``"openai:text-embedding-3-small"`` (asked with the wrapped client, and so counted, budgeted and in
            telemetry); ``"model2vec:…"`` and ``"st:…"`` (extras ``model2vec`` and ``sentence-transformers``); or a
            callable from a list of texts to as many vectors.
        max_false_hits: the largest share of hits whose answer is another one than a provider would have given.
        confidence: of that.
        explore: the share of hits that could be served and are sent and compared instead; what verifying costs.
        compare: whether two answers say the same; called with two :class:`tokeneff.cache.semantic.Answer`, the kept one
            and the one that came. By default tools called, numbers, code and negations have to be equal, short texts
            too, and longer ones nearly so: answers that say one thing in two ways count as different.
        index: where questions are found that are not in memory, or another process's: ``"sqlite-vec"`` keeps their
            vectors in a file beside a SQLite store (extra ``sqlite-vec``), ``"redis"`` in vector sets of a Redis store
            (Redis 8); up to a million, in clear. By default all that are remembered are looked at, in memory.
        most: questions that are remembered, of all contexts; the longest unused are forgotten first.
        half_life: the time in which evidence loses half of its weight: seconds, a text as ``"30d"``, or a timedelta.
        client: a wrapped blocking OpenAI client to ask for embeddings, where calls are made with another kind.

    Raises:
        TypeError, ValueError: an argument makes no sense; the text says what does.
    """

    encoder: str | Encoder
    max_false_hits: float
    confidence: float
    explore: float
    compare: Callable[[Answer, Answer], bool] | None
    index: str | None
    most: int
    half_life: int
    """Microseconds."""
    client: Any = field(repr=False)

    def __init__(
        self,
        encoder: str | Encoder = "lexical",
        max_false_hits: float = 0.01,
        *,
        confidence: float = 0.95,
        explore: float = 0.1,
        compare: Callable[[Answer, Answer], bool] | None = None,
        index: str | None = None,
        most: int = 10_000,
        half_life: str | float | timedelta = "30d",
        client: Any = None,
    ) -> None:
        if compare is not None and not callable(compare):
            raise TypeError("compare= takes a callable of two answers, that returns whether they say the same")
        if index not in (None, "sqlite-vec", "redis"):
            raise ValueError(f'index={index!r} is not known; write "sqlite-vec", "redis", or None to look in memory')
        if index is not None and encoder == "lexical":
            raise ValueError(f'index={index!r} holds vectors, and encoder="lexical" makes none; name another encoder')
        if isinstance(most, bool) or not isinstance(most, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"most= takes a number of questions, not {type(most).__name__}")
        if most < 1:
            raise ValueError(f"most={most}: at least one question has to be remembered")
        values: dict[str, Any] = {
            "encoder": checked(encoder),
            "max_false_hits": _share("max_false_hits", max_false_hits, 0.0001, 0.5),
            "confidence": _share("confidence", confidence, 0.5, 0.9999),
            "explore": _share("explore", explore, 0.01, 1.0),
            "compare": compare,
            "index": index,
            "most": most,
            "half_life": microseconds(half_life, "half_life", "30d"),
            "client": client,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def half_life_seconds(self) -> float:
        """The same in seconds."""
        return self.half_life / SECOND


def _share(name: str, value: object, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}= takes a number from {least} to {most}, not {type(value).__name__}")
    if not least <= value <= most:
        raise ValueError(f"{name}={value}: write a number from {least} to {most}")
    return float(value)
