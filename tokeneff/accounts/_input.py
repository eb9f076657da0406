"""Input tokens by what they were: our counts, brought to the provider's total."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from tokeneff._flow import Tokens
from tokeneff._shares import split
from tokeneff.accounts._account import InputParts
from tokeneff.tokens import Piece, Prompt
from tokeneff.tokens._split import raw_parts

UnseenAs: TypeAlias = Literal["system", "attached", "history"]
UNSEEN = "unseen"
"""In ``Account.unknown``: the provider counted much that is not in the request, as ``scaled`` says."""

_COUNTED_ALL_THE_SAME = frozenset({"image size", "redacted thinking"})
"""Of what cannot be counted: what has a count that stands in for it, or is not attached."""
_FAR_ABOVE = 2.0
_AT_LEAST = 1_000


def grown(pieces: tuple[Piece, ...], before: InputParts | None) -> InputParts:
    """Our counts by part, framing included; a longer prompt goes on from the parts of its beginning.

    Args:
        pieces: in the order sent. before: the parts of the pieces that come before these.
    """
    if before is not None and not pieces:
        return before
    new = raw_parts(Prompt(pieces, 0, "", exact=False))
    if before is None:
        return new
    history, user = before.user_history, before.user
    if any(piece.kind == "assistant" for piece in pieces):
        history, user = history + user, 0
    return InputParts(
        before.system + new.system,
        before.tools + new.tools,
        history + new.user_history,
        before.assistant_history + new.assistant_history,
        before.tool_results + new.tool_results,
        before.attached + new.attached,
        user + new.user,
    )


class Scaled(NamedTuple):
    """The parts in the provider's tokens, and how they were come by."""

    parts: InputParts
    scale: float | None
    """``None``: nothing of the request was counted."""
    unseen: int = 0
    """Tokens that the provider counted and the request does not show."""
    head: int = 0
    """Those of them that come before all that it shows: the system prompt and tools that a record leaves out."""


class Beyond(NamedTuple):
    """What may lie beyond the request's own text."""

    kind: UnseenAs
    known: int | None = None
    """Its tokens, where an earlier request of the session told them, or the provider itself."""
    earlier: InputParts | None = None
    """Of ``history`` that the provider keeps: what it was made of."""
    certain: bool = False
    """Whether there is something, so that all above what we expect is it."""


def beyond(raw: InputParts, tokens: Tokens, unknown: tuple[str, ...], unseen: int, *, hosted: bool = False) -> Beyond:
    """What the provider may have counted besides what is in the request.

    Files and audio that cannot be counted are ``attached``, and so is what tools bring that the provider runs itself
    (results of a search). Anything else would be ``system``: instructions that are put in on the way, or a record that
    leaves system prompt and tools out, as session logs of command line agents do. Then an earlier request of the
    session tells how much that is.

    Args:
        raw: our counts. tokens: the provider's. unknown: kinds of content that could not be counted.
        unseen: what an earlier request of the same session was found to lack, in tokens; 0 if nothing.
        hosted: whether the request has tools that the provider runs.
    """
    if not _COUNTED_ALL_THE_SAME.issuperset(unknown):
        media = [count for count in (tokens.image_input, tokens.audio_input) if count]
        return Beyond("attached", max(sum(media) - raw.attached, 0) if media else None, certain=True)
    if hosted:
        return Beyond("attached")
    return Beyond("system", unseen if unseen and _headless(raw) else None)


def scaled(total: int, raw: InputParts, ratio: float, more: Beyond) -> Scaled:
    """The parts brought to the provider's ``total``, which they sum to exactly.

    Every part is multiplied alike (``scale``), except where the provider counted what the request does not show
    (``more``). Then only what is shown is scaled, and the surplus is put where it belongs and not smeared over all:

    * if its size is known, that;
    * if there certainly is something, all above what we expect;
    * otherwise all above what we expect, if the total is more than twice that and 1,000 tokens above it.

    The figures 2 and 1,000 are ours: vocabularies of different makers differ by up to about 1.6 on the same text, and
    the system prompt and tools of an agent are several thousand tokens. Where nothing at all was counted the total is
    the ``user``'s, unless something else is certain.

    Args:
        total: the provider's count of the whole input.
        raw: our counts.
        ratio: how many of the provider's tokens one of ours is expected to be.
        more: what may lie beyond the request.
    """
    shown = sum(raw)
    surplus = _surplus(total, shown, ratio, more)
    if not shown and not surplus:
        return Scaled(InputParts(user=total), None)
    parts = InputParts(*split(total - surplus, raw))
    scale = (total - surplus) / shown if shown else None
    if not surplus:
        return Scaled(parts, scale)
    return Scaled(
        _add(parts, surplus, more), scale, surplus, surplus if more.kind == "system" and _headless(raw) else 0
    )


def _headless(raw: InputParts) -> bool:
    return raw.system == 0 and raw.tools == 0


def _surplus(total: int, shown: int, ratio: float, more: Beyond) -> int:
    if not shown:
        return total if more.certain else 0
    if more.known is not None and total > more.known:
        return more.known
    expected = round(shown * ratio)
    above = max(total - expected, 0)
    if not more.certain and (total <= _FAR_ABOVE * expected or above < _AT_LEAST):
        return 0
    return above


def _add(parts: InputParts, surplus: int, more: Beyond) -> InputParts:
    if more.kind == "attached":
        return parts._replace(attached=parts.attached + surplus)
    if more.kind == "system":
        return parts._replace(system=parts.system + surplus)
    said = more.earlier
    if said is None or not any(said):
        said = InputParts(assistant_history=1)
    said = said._replace(user_history=said.user_history + said.user, user=0)
    return InputParts(*map(sum, zip(parts, split(surplus, said), strict=True)))
