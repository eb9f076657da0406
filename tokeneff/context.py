"""Who a call is for."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

from tokeneff._around import Around, Frame

if TYPE_CHECKING:
    from tokeneff.budgets import Block

Value = str | bool | int | float
_NONE: Mapping[str, Value] = MappingProxyType({})


_tags: ContextVar[Frame[Mapping[str, Value]] | None] = ContextVar("tokeneff_tags", default=None)
_blocks: ContextVar[Frame[tuple[Block, ...]] | None] = ContextVar("tokeneff_blocks", default=None)


class tag(Around[Mapping[str, Value]]):  # noqa: N801 - reads as a verb at the place of use
    """Say who the calls inside a block are for: every span, total and record of them carries these tags.

    Example::

        with tokeneff.tag(user="u1", feature="summarise", session="s9"):
            client.chat.completions.create(...)

        @tokeneff.tag(feature="nightly")
        async def job(): ...

    It holds across awaits, for tasks started inside, and for threads that run in a copied context. Blocks nest: inner
    tags are added to outer ones and win over them. As a decorator it serves functions, coroutine functions and
    generators of both kinds.

    Args:
        **tags: names to values (``str``, ``int``, ``float`` or ``bool``; ``None`` takes an outer tag away).
            ``user`` becomes ``user.id`` and ``session`` becomes ``gen_ai.conversation.id`` on spans, so give a
            session only where there is a real one. The rest becomes ``tokeneff.tag.<name>``.

    Raises:
        TypeError: a value is of another type.
    """

    __slots__ = ("_tags",)

    def __init__(self, **tags: Value | None) -> None:
        for key, value in tags.items():
            if value is not None and not isinstance(value, (str, bool, int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(
                    f"tokeneff.tag({key}=…) takes a str, int, float or bool, not {type(value).__name__}; "
                    f"write {key}=str(…) if its text is what you mean"
                )
        self._tags = tags

    def _place(self) -> ContextVar[Frame[Mapping[str, Value]] | None]:
        return _tags

    def _inside(self, outer: Mapping[str, Value] | None) -> Mapping[str, Value]:
        merged = {**(outer if outer is not None else _NONE), **self._tags}
        return MappingProxyType({key: value for key, value in merged.items() if value is not None})


def current_tags() -> Mapping[str, Value]:
    """The tags that hold here."""
    frame = _tags.get()
    return frame.value if frame is not None else _NONE


def current_blocks() -> tuple[Block, ...]:
    """The budgets of the blocks around, each once, innermost last."""
    frame = _blocks.get()
    return frame.value if frame is not None else ()


def blocks_place() -> ContextVar[Frame[tuple[Block, ...]] | None]:
    """Where the blocks are kept; here, so that a call looks for some without loading budgets."""
    return _blocks
