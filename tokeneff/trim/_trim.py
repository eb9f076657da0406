"""What trimming is asked to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from tokeneff._masked import masked
from tokeneff.cache import _checks as check
from tokeneff.trim.kinds import LOSSLESS, LOSSY

_USUAL: dict[str, Any] = {
    "store": "memory://tokeneff-trim",
    "max_input_tokens": None,
    "lossy": (),
    "history": True,
    "keep_tools": (),
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
        keep_tools: names of tools whose results stay as they are.
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
    keep_tools: tuple[str, ...]
    by: tuple[str, ...]
    holdout: float
    key: tuple[str, ...]

    def __init__(
        self,
        *,
        max_input_tokens: int | None = None,
        lossy: bool | str | Iterable[str] = False,
        history: bool = True,
        keep_tools: str | Iterable[str] = (),
        store: str = "memory://tokeneff-trim",
        by: str | Iterable[str] = (),
        holdout: float = 0.0,
        key: str | Iterable[str] | None = None,
    ) -> None:
        self.__dict__.update(
            store=_store(store),
            max_input_tokens=_tokens(max_input_tokens),
            lossy=_lossy(lossy),
            history=check.flag(history, "history"),
            keep_tools=check.names(keep_tools, "keep_tools", "read_file"),
            by=check.by(by),
            holdout=_share(holdout),
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


def normalised(given: object) -> Trim | None:
    """What was given as ``trim=``, checked: a :class:`Trim`, ``True`` or ``False``.

    Raises:
        TypeError: it is none of these; the text says what to write.
    """
    if given is None or given is False:
        return None
    if given is True:
        return Trim()
    if isinstance(given, Trim):
        return given
    if isinstance(given, type):
        raise TypeError(f"trim= takes a tokeneff.Trim, not the class {given.__name__}: call it")
    raise TypeError(f"trim= takes a tokeneff.Trim, or True, not a value of type {type(given).__name__}")


def _store(value: object) -> str:
    found = check.store(value)
    if not isinstance(found, str):
        raise TypeError("store= takes a URL, as 'sqlite:///trim.db'")
    return found


def _tokens(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"max_input_tokens= takes a whole number of tokens, not {value!r}")
    if value < 1:
        raise ValueError(f"max_input_tokens={value!r}: write how many tokens a request may have, as 120_000")
    return value


def _lossy(value: Any) -> tuple[str, ...]:
    known = tuple(name for name in LOSSY if name != "llmlingua")
    if value is True:
        return known
    if value is False:
        return ()
    names = check.names(value, "lossy", "logs")
    for name in names:
        if name not in LOSSY:
            raise ValueError(f"lossy={name!r} is no kind; write True, or some of {', '.join(LOSSY)}")
    return names


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"holdout= takes a share from 0 to 1, not {value!r}")
    if not 0 <= value <= 1:
        raise ValueError(f"holdout={value!r} is no share; write one from 0 to 1, as 0.05")
    return float(value)
