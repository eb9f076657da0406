"""The settings that are tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tokeneff.trim import Trim

AS_RECORDED = "as recorded"
_LEAST = 4_000
"""Tokens: nobody limits requests to less."""


class Plan(NamedTuple):
    """Settings, and what to call and how to write them."""

    name: str
    trim: Trim | None = None
    argument: str = ""
    """Of the trimming, as it is written."""
    cache: bool = False
    place: bool = False

    def written(self, fixed: bool) -> str:
        """A line of Python.

        Args:
            fixed: whether :class:`tokeneff.Cache` keeps the replies that would be served again without being told.
        """
        arguments = [f"trim=tokeneff.Trim({self.argument})"] if self.trim is not None else []
        if self.cache or self.place:
            inner = [] if self.cache else ["None"]
            inner += ['when="always"'] if self.cache and not fixed else []
            inner += ["prompt=True"] if self.place else []
            arguments.append(f"cache=tokeneff.Cache({', '.join(inner)})")
        return f"tokeneff.wrap(client, {', '.join(arguments)})" if arguments else ""


def plans(limit: int | None) -> Iterator[Plan]:
    """All of them; the traffic as recorded is not one of them.

    Args:
        limit: tokens that a request may have, in one of them; ``None``: none has such a limit.
    """
    default, kept, lossy = Trim(), Trim(history=False), Trim(lossy=True)
    yield Plan("trim", default)
    yield Plan("trim, history as it is", kept, "history=False")
    yield Plan("trim, lossy", lossy, "lossy=True")
    if limit is not None:
        argument = f"max_input_tokens={limit:_}"
        yield Plan(f"trim to {limit:,} tokens", Trim(max_input_tokens=limit), argument)
    yield Plan("response cache", cache=True)
    yield Plan("prompt cache", place=True)
    yield Plan("trim + response cache", default, cache=True)
    yield Plan("trim + prompt cache", default, place=True)
    yield Plan("trim, lossy + prompt cache", lossy, "lossy=True", place=True)
    yield Plan("trim + both caches", default, cache=True, place=True)


def limit_of(sizes: Sequence[int]) -> int | None:
    """A limit that bites: half of what the longest requests have, in whole thousands of tokens.

    >>> limit_of([120_000] * 10), limit_of([5_000] * 10)
    (60000, None)

    Args:
        sizes: tokens of the longest request of each conversation.
    """
    if not sizes:
        return None
    found = sorted(sizes)[len(sizes) * 9 // 10] // 2_000 * 1_000
    return found if found >= _LEAST else None
