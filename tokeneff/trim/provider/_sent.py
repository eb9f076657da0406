"""What is sent of a request whose history is left to its provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tokeneff.trim._changing import replaced
from tokeneff.trim._history import History, Path
from tokeneff.trim.planning._limit import window_of
from tokeneff.trim.provider._plan import CLEARED, is_providers, threshold
from tokeneff.trim.provider._provider import Asking, Can, asking_of, clearing

if TYPE_CHECKING:
    from tokeneff.prices._rates import Rates
    from tokeneff.promptcache import Pieces, Rule
    from tokeneff.trim._asked import Asked
    from tokeneff.trim.planning._batches import Batch
    from tokeneff.trim.planning._outlook import Outlook


class Terms(NamedTuple):
    """What a request costs, and how many more of its conversation are likely."""

    rule: Rule
    rates: Rates
    plain: Pieces
    outlook: Outlook


def asking_for(asked: Asked, can: Can, batch: Batch, terms: Terms, tools: tuple[str, ...]) -> Asking | None:
    """What its provider is asked to do about a request's history, with a batch that holds."""
    history = asked.history
    clear = None
    if can.clear is not None and batch.texts and is_providers(batch):
        clear = clearing(history, batch, tools, asked.most)
    limit = None
    if can.compact is not None:
        plain = terms.plain
        first = len(plain.chain) - len(history.messages)
        fixed = plain.ends[first - 1] if first > 0 else 0
        turns = terms.outlook.turns(len(history.exchanges))
        limit = threshold(can.compact, terms.rule, terms.rates, fixed, turns, asked.most)
    return asking_of(history.dialect, can, clear, limit)


def makes_room(asked: Asked, asking: Asking | None) -> bool:
    """Whether the provider sees to it that a request is not too long, which it has to take whole at first."""
    if asking is None or not any(means.does == "compact" for means in asking.means):
        return False
    return asked.total <= window_of(asked.model, asked.history.body)


def body_with(
    history: History, texts: Mapping[Path, str], arrived: Mapping[Path, str], asking: Asking
) -> dict[str, Any]:
    """The request with what is asked for; what the provider clears is sent as it was.

    Args:
        texts: what would stand in it. arrived: the same without what is cleared.
    """
    sent = unprovided(texts, arrived)
    return {**(replaced(history, sent) if sent else history.body), "context_management": asking.value}


def unprovided(texts: Mapping[Path, str], arrived: Mapping[Path, str]) -> Mapping[Path, str]:
    """What stands in a request itself, whatever its provider does about it."""
    sent = {path: text for path, text in texts.items() if text != CLEARED}
    return sent | {path: arrived[path] for path, text in texts.items() if text == CLEARED and path in arrived}
