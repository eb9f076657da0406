"""A known total shared out by weights, in whole tokens, so that the shares sum to it exactly."""

from __future__ import annotations

from collections.abc import Sequence


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Shares of ``total`` in proportion to ``weights``, which sum to it exactly.

    >>> split(10, [1, 1, 1])
    [4, 3, 3]

    By largest remainder (Hamilton's method): each share is rounded down, and what is left over goes, one each, to
    those that lost most by it; of equals, to the first. No share is further than one token from its proportion.

    Args:
        total: at least 0. weights: at least 0 each; with no weight at all nothing can be shared, and all are 0.
    """
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    if whole == total:
        return list(weights)
    shares = [total * weight // whole for weight in weights]
    missing = total - sum(shares)
    if missing:
        by_loss = sorted(range(len(weights)), key=lambda index: -(total * weights[index] % whole))
        for index in by_loss[:missing]:
            shares[index] += 1
    return shares
