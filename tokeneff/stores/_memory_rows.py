"""What a store in memory keeps."""

from __future__ import annotations

from dataclasses import dataclass, field

from tokeneff.stores import _rules as rules
from tokeneff.stores._contract import Amounts, Balance, Claim, Hold, Limits, State
from tokeneff.stores._rules import ZERO, plus


@dataclass(slots=True)
class Account:
    """One account. All changes are made under the store's lock."""

    claim: Claim
    """As it was last claimed."""
    used: int
    topped: Amounts = ZERO
    held: Amounts = ZERO
    spent: Amounts = ZERO
    """Where its window does not roll."""
    buckets: dict[int, Amounts] = field(default_factory=dict[int, Amounts])
    """Where it does: what was spent, by when the bucket began."""
    reset: int = 0
    """The journal's last entry when it was reset."""

    def spend(self, amounts: Amounts, at: int) -> None:
        """Spend now, which is ``at``."""
        if not self.claim.span:
            self.spent = plus(self.spent, amounts)
        elif amounts != ZERO:
            began = rules.bucket(self.claim, at)
            self.buckets[began] = plus(self.buckets.get(began, ZERO), amounts)

    def put_right(self, change: Amounts, at: int) -> None:
        """Change what was spent ``at``, if that is still kept."""
        if not self.claim.span:
            self.spent = plus(self.spent, change)
        elif (began := rules.bucket(self.claim, at)) in self.buckets:
            self.buckets[began] = plus(self.buckets[began], change)

    def in_window(self, now: int) -> Amounts:
        """What is spent."""
        if not self.claim.span:
            return self.spent
        total = ZERO
        for began, amounts in self.buckets.items():
            if rules.leaves(self.claim, began) > now:
                total = plus(total, amounts)
        return total

    def frees(self, now: int) -> int:
        """When the first bucket leaves a rolling window, 0 if none does."""
        moments = [
            rules.leaves(self.claim, began)
            for began, amounts in self.buckets.items()
            if amounts != ZERO and self.claim.span
        ]
        return min((moment for moment in moments if moment > now), default=0)

    def forget(self, now: int) -> None:
        """Let go what left the window long ago."""
        for began in [began for began in self.buckets if rules.leaves(self.claim, began) + self.claim.span <= now]:
            del self.buckets[began]

    def balance(self, now: int) -> Balance:
        limits = rules.raised(self.claim.limits, self.topped)
        return Balance(self.claim.account, self.in_window(now), self.held, limits, self.topped)

    def state(self, now: int) -> State:
        claim = self.claim
        return State(
            self.balance(now), claim.budget, claim.scope, claim.window, claim.start, claim.end, claim.span, self.used
        )

    def listed(self, now: int) -> bool:
        """Whether its window was not over a day ago."""
        return not self.claim.end or now < self.claim.end + rules.DAY

    def of_use(self, now: int) -> bool:
        """Whether anybody may still ask for it."""
        if self.held != ZERO or not self.listed(now):
            return self.held != ZERO
        if self.claim.span:
            self.forget(now)
            return bool(self.buckets) or self.topped != ZERO or now < self.used + 2 * self.claim.span
        return not rules.forgettable(self.claim) or now < self.used + rules.UNUSED_KEPT


@dataclass(slots=True)
class Held:
    """One hold."""

    claims: tuple[Claim, ...]
    amounts: Amounts
    floor: Amounts
    since: int
    expires: int

    def told(self, name: str) -> Hold:
        accounts = tuple(claim.account for claim in self.claims)
        return Hold(name, accounts, self.amounts, self.floor, self.since, self.expires)


@dataclass(slots=True)
class Ended:
    """What is remembered of a hold that is no more."""

    at: int
    claims: tuple[Claim, ...] = ()
    charged: Amounts | None = None
    """What was charged when its lease ran out; ``None``: it was settled."""
    seq: int = 0
    """The entry that charged it."""


def unclaimed(account: str, now: int) -> Account:
    """An account that nobody claimed yet."""
    return Account(Claim(account, Limits()), now)
