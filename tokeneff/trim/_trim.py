"""What trimming is asked to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tokeneff._masked import masked
from tokeneff.cache import _checks as check
from tokeneff.trim import _trim_checks as given
from tokeneff.trim.kinds import LOSSLESS

if TYPE_CHECKING:
    from tokeneff.trim.output._output import Output
    from tokeneff.trim.summaries._summarise import Summarise

Via: TypeAlias = Literal["tokeneff", "provider"]

_USUAL: dict[str, Any] = {
    "store": "memory://tokeneff-trim",
    "max_input_tokens": None,
    "lossy": (),
    "history": True,
    "via": "tokeneff",
    "summarise": None,
    "keep_tools": (),
    "recall": False,
    "output": None,
    "by": (),
    "holdout": 0.0,
    "key": (),
}


@dataclass(frozen=True, init=False, repr=False)
class Trim:
    """What is left out of requests: only what makes the whole conversation cheaper.

    Example::

        client = tokeneff.wrap(OpenAI(), trim=tokeneff.Trim())

    Results of tools and documents are made shorter when they arrive, once, and the same way ever after; what is old is
    left out of a history rarely and in batches, when the simulated bill of the whole conversation gets smaller by it,
    or when the window forces it. What was decided stays, byte for byte.

    It is frozen, and can be compared, hashed and pickled.

    Args:
        max_input_tokens: that a request may have; the model's own window, with its output kept free, if nothing is
            given.
        lossy: whether kinds are used as well that leave something out (``True``), or which of them, by name: ``html``,
            ``logs``, ``relevant``, ``ends``.
        history: whether old results may be cleared where that pays.
        via: who clears them: ``"tokeneff"``, or ``"provider"`` for what the provider can do itself (Anthropic's context
            editing and compaction, OpenAI's compaction); where it cannot, they are cleared here.
        summarise: who writes what stands in place of results that are cleared: a :class:`Summarise`. Its own cost
            counts when it is asked whether that pays.
        keep_tools: names of tools whose results stay as they are.
        recall: whether the model may fetch back what was left out, with the tool that :func:`recall` gives; it is told
            so where that tool is among the request's own, and the lossy kinds are used there.
        output: defaults for what is written, and when a stream is cut: an :class:`Output`.
        store: where decisions and originals are kept: ``"memory://"`` (this process), ``"sqlite:///trim.db"``, or
            ``"redis://host:6379/0"``; it may be the one of a cache.
        by: names of tags (see :func:`tag`), each of whose values has decisions and originals of its own.
        holdout: share of conversations, from 0 to 1, that are sent as they are, to compare with.
        key: what is kept is encrypted with, as for :class:`Cache`.

    Raises:
        TypeError, ValueError: an argument is wrong; the text says what to write.
    """

    store: str
    max_input_tokens: int | None
    lossy: tuple[str, ...]
    history: bool
    via: Via
    summarise: Summarise | None
    keep_tools: tuple[str, ...]
    recall: bool
    output: Output | None
    by: tuple[str, ...]
    holdout: float
    key: tuple[str, ...]

    def __init__(
        self,
        *,
        max_input_tokens: int | None = None,
        lossy: bool | str | Iterable[str] = False,
        history: bool = True,
        via: Via = "tokeneff",
        summarise: Summarise | None = None,
        keep_tools: str | Iterable[str] = (),
        recall: bool = False,
        output: Output | None = None,
        store: str = "memory://tokeneff-trim",
        by: str | Iterable[str] = (),
        holdout: float = 0.0,
        key: str | Iterable[str] | None = None,
    ) -> None:
        self.__dict__.update(
            store=given.store(store),
            max_input_tokens=given.tokens(max_input_tokens),
            lossy=given.lossy(lossy),
            history=check.flag(history, "history"),
            via=given.via(via),
            summarise=given.summarise(summarise),
            keep_tools=check.names(keep_tools, "keep_tools", "read_file"),
            recall=check.flag(recall, "recall"),
            output=given.output(output),
            by=check.by(by),
            holdout=given.share(holdout),
            key=check.keys(key),
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of what is done to what arrives."""
        return (*LOSSLESS, *self.lossy)

    def __repr__(self) -> str:
        told: list[str] = []
        for one in fields(self):
            value = getattr(self, one.name)
            if value != _USUAL[one.name]:
                shown = "****" if one.name == "key" else repr(masked(value) if one.name == "store" else value)
                told.append(f"{one.name}={shown}")
        return f"Trim({', '.join(told)})"


def normalised(value: object) -> Trim | None:
    """What was given as ``trim=``, checked: a :class:`Trim`, ``True`` or ``False``.

    Raises:
        TypeError: it is none of these; the text says what to write.
    """
    if value is None or value is False:
        return None
    if value is True:
        return Trim()
    if isinstance(value, Trim):
        return value
    if isinstance(value, type):
        raise TypeError(f"trim= takes a tokeneff.Trim, not the class {value.__name__}: call it")
    raise TypeError(f"trim= takes a tokeneff.Trim, or True, not a value of type {type(value).__name__}")
