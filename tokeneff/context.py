"""Who a call is for, and what is different for it."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from tokeneff._around import Around, Frame

if TYPE_CHECKING:
    from tokeneff.budgets import Block

Value = str | bool | int | float
CacheMode: TypeAlias = Literal["bypass", "refresh", "only"]
_NONE: Mapping[str, Value] = MappingProxyType({})
_MODES = ("bypass", "refresh", "only")
_OUTER: Any = object()
"""Not given: what holds outside of a block."""

_tags: ContextVar[Frame[Mapping[str, Value]] | None] = ContextVar("tokeneff_tags", default=None)
_overrides: ContextVar[Frame[Overrides] | None] = ContextVar("tokeneff_overrides", default=None)
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


class Overrides(NamedTuple):
    """What holds inside blocks of :class:`override`."""

    cache: CacheMode | None = None
    trim: Literal[False] | None = None


class override(Around[Overrides]):  # noqa: N801 - as above
    """Have the calls inside a block treated otherwise than their client was told to.

    Example::

        with tokeneff.override(cache="refresh"):
            client.chat.completions.create(...)   # asked anew, and kept in place of what was

        @tokeneff.override(cache="only")
        def test_my_agent(): ...                  # nothing is sent: what was not kept raises CacheMiss

        with tokeneff.override(trim=False):
            client.chat.completions.create(...)   # sent as it is written

    It holds where a :class:`tag` would. Blocks nest: of each argument the innermost block that gives it says what
    holds. A client without a cache, or without trimming, takes no notice of what is said of that.

    Args:
        cache: ``"bypass"``: the cache is left out, neither asked nor added to, and nothing is added for the provider's
            own prompt cache either. ``"refresh"``: the provider is asked, and the reply is kept in place of the one
            that was. ``"only"``: the call is answered from the cache, or raises :class:`CacheMiss`. ``None``: what the
            client was told holds again.
        trim: ``False``: trimming is left out, requests are sent as they are written. ``None``: what the client was told
            holds again.

    Raises:
        TypeError: neither is given.
        ValueError: it is none of these.
    """

    __slots__ = ("_given",)

    def __init__(self, *, cache: CacheMode | None = _OUTER, trim: Literal[False] | None = _OUTER) -> None:
        given = {name: value for name, value in (("cache", cache), ("trim", trim)) if value is not _OUTER}
        if not given:
            raise TypeError(
                "tokeneff.override() says nothing; write what is different, as cache='bypass' or trim=False"
            )
        mode = given.get("cache")
        if mode is not None and mode not in _MODES:
            choices = ", ".join(map(repr, _MODES))
            raise ValueError(f"tokeneff.override(cache={mode!r}) is not known; write one of {choices}, or None")
        if given.get("trim") is not None and given["trim"] is not False:
            raise ValueError(f"tokeneff.override(trim={trim!r}) is not known; write False, or None")
        self._given: dict[str, Any] = given

    def _place(self) -> ContextVar[Frame[Overrides] | None]:
        return _overrides

    def _inside(self, outer: Overrides | None) -> Overrides:
        return (outer or _NOTHING)._replace(**self._given)


_NOTHING = Overrides()


def current_overrides() -> Overrides:
    """What :class:`override` says here."""
    frame = _overrides.get()
    return frame.value if frame is not None else _NOTHING


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
