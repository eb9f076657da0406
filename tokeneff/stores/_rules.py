"""What all stores in Python reckon alike."""

from __future__ import annotations

from collections.abc import Sequence

from tokeneff.stores._contract import Amounts, Balance, Claim, Limits

ZERO = Amounts()
SECOND = 1_000_000
DAY = 86_400 * SECOND
"""Microseconds, as all times of stores."""
SETTLED_KEPT = DAY
"""How long an id is known after its hold ended."""
UNUSED_KEPT = 90 * DAY
"""How long the account of a session is kept after it was last claimed."""


def plus(one: Amounts, other: Amounts) -> Amounts:
    """The sum, unit by unit."""
    return Amounts(one[0] + other[0], one[1] + other[1], one[2] + other[2])


def minus(one: Amounts, other: Amounts) -> Amounts:
    """The difference, unit by unit."""
    return Amounts(one[0] - other[0], one[1] - other[1], one[2] - other[2])


def most(one: Amounts, other: Amounts) -> Amounts:
    """The greater of each unit."""
    return Amounts(max(one[0], other[0]), max(one[1], other[1]), max(one[2], other[2]))


def raised(limits: Limits, topped: Amounts) -> Limits:
    """Limits with what was topped up."""
    if topped == ZERO:
        return limits
    return Limits._make(None if limit is None else limit + more for limit, more in zip(limits, topped, strict=True))


def outside(claims: Sequence[Claim], now: int) -> bool:
    """Whether a claim's calendar window is not the present one."""
    return any(claim.end and not claim.start <= now < claim.end for claim in claims)


def bucket(claim: Claim, now: int) -> int:
    """When the bucket of a rolling window began in which ``now`` is."""
    return now - now % max(claim.bucket, 1)


def leaves(claim: Claim, bucket: int) -> int:
    """When a bucket is no longer in a rolling window."""
    return bucket + max(claim.bucket, 1) + claim.span


def unfit(
    claims: Sequence[Claim], balances: Sequence[Balance], asked: Amounts, *, grows: bool = False
) -> tuple[int, ...]:
    """Which claims do not fit.

    Args:
        claims: with their limits. balances: of their accounts, before. asked: what would be added.
        grows: only units that are asked for are looked at.
    """
    return tuple(
        number
        for number, (claim, balance) in enumerate(zip(claims, balances, strict=True))
        if any(
            limit is not None and spent + held + more > limit + topped and (more or not grows)
            for limit, topped, spent, held, more in zip(
                claim.limits, balance.topped, balance.spent, balance.held, asked, strict=True
            )
        )
    )


def enforced(claims: Sequence[Claim], over: Sequence[int]) -> list[Claim]:
    """Those that forbid the call."""
    return [claims[number] for number in over if claims[number].enforced]


def watched(claims: Sequence[Claim], over: Sequence[int]) -> tuple[int, ...]:
    """Those that only tell."""
    return tuple(number for number in over if not claims[number].enforced)


def forgettable(claim: Claim) -> bool:
    """Whether an account without a window is a session's, of which there is no end; others count for ever."""
    return not claim.end and not claim.span and claim.window == "session"
