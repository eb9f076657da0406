"""What a store should answer, written as plainly as possible: every amount that was spent is a line of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from stores_kit import ZERO, Clock, plus

from tokeneff.stores import Amounts, Balance, Claim, Gone, Granted, Limits, Refused, Reservation, Stale


@dataclass
class Spent:
    hold: str
    at: int
    amounts: Amounts


@dataclass
class Out:
    claims: tuple[Claim, ...]
    amounts: Amounts
    floor: Amounts
    expires: int


@dataclass
class Model:
    clock: Clock
    claimed: dict[str, Claim] = field(default_factory=dict)
    lines: dict[str, list[Spent]] = field(default_factory=dict)
    topped: dict[str, Amounts] = field(default_factory=dict)
    holds: dict[str, Out] = field(default_factory=dict)
    expired: dict[str, Out] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    marks: set[tuple[str, str]] = field(default_factory=set)
    limited: set[str] = field(default_factory=set)
    """Accounts whose limits were claimed: those of others nobody said."""

    def reclaim(self) -> None:
        for hold, out in list(self.holds.items()):
            if out.expires <= self.clock.at:
                charged = Amounts(*map(max, out.amounts, out.floor))
                self.expired[hold] = self.holds.pop(hold)
                self.spend(hold, out.claims, charged)

    def spend(self, hold: str, claims: Sequence[Claim], amounts: Amounts) -> None:
        for claim in claims:
            if amounts != ZERO:
                known = self.claimed.get(claim.account, claim)
                self.claimed[claim.account] = claim._replace(limits=known.limits)
                self.lines.setdefault(claim.account, []).append(Spent(hold, self.clock.at, amounts))

    def balance(self, account: str) -> Balance:
        claim, spent, held = self.claimed.get(account, Claim(account, Limits())), ZERO, ZERO
        for line in self.lines.get(account, ()):
            if not claim.span or left(claim, line.at) > self.clock.at:
                spent = plus(spent, line.amounts)
        for out in self.holds.values():
            if any(claim.account == account for claim in out.claims):
                held = plus(held, out.amounts)
        topped = self.topped.get(account, ZERO)
        limits = Limits(*(None if one is None else one + more for one, more in zip(claim.limits, topped, strict=True)))
        return Balance(account, spent, held, limits, topped)

    def balances(self, claims: Sequence[Claim]) -> tuple[Balance, ...]:
        return tuple(self.balance(claim.account) for claim in claims)

    def over(self, claims: Sequence[Claim], asked: Amounts, grows: bool = False) -> tuple[int, ...]:
        found: list[int] = []
        for number, claim in enumerate(claims):
            balance = self.balance(claim.account)
            for unit, limit in enumerate(claim.limits):
                whole = balance.spent[unit] + balance.held[unit] + asked[unit]
                if limit is not None and whole > limit + balance.topped[unit] and (asked[unit] or not grows):
                    found.append(number)
                    break
        return tuple(found)

    def refused(self, claims: Sequence[Claim], over: Sequence[int]) -> Refused | None:
        against = [claims[number] for number in over if claims[number].enforced]
        if not against:
            return None
        frees = 0
        for claim in against:
            if claim.span:
                sums: dict[int, Amounts] = {}
                for line in self.lines.get(claim.account, ()):
                    sums[left(claim, line.at)] = plus(sums.get(left(claim, line.at), ZERO), line.amounts)
                frees = max(
                    frees, min((at for at, more in sums.items() if at > self.clock.at and more != ZERO), default=0)
                )
        return Refused(self.clock.at, self.balances(claims), tuple(over), frees)

    def reserve(self, hold: str, amounts: Amounts, claims: Sequence[Claim], lease: int) -> Reservation:
        self.reclaim()
        now = self.clock.at
        if hold in self.holds:
            over = [number for number in self.over(claims, ZERO) if not claims[number].enforced]
            return Granted(now, self.balances(claims), tuple(over))
        if hold in self.expired or hold in self.settled:
            return Gone(now)
        if any(claim.end and not claim.start <= now < claim.end for claim in claims):
            return Stale(now)
        self.limited.update(claim.account for claim in claims)
        self.claimed.update({claim.account: claim for claim in claims})
        over = self.over(claims, amounts)
        if refused := self.refused(claims, over):
            return refused
        self.holds[hold] = Out(tuple(claims), amounts, ZERO, now + lease)
        return Granted(now, self.balances(claims), over)

    def extend(self, hold: str, amounts: Amounts, floor: Amounts, lease: int) -> Reservation:
        self.reclaim()
        out = self.holds.get(hold)
        if out is None:
            return Gone(self.clock.at)
        out.floor, out.expires = floor, self.clock.at + lease
        more = Amounts(*(max(new - old, 0) for new, old in zip(amounts, out.amounts, strict=True)))
        over = self.over(out.claims, more, grows=True)
        if refused := self.refused(out.claims, over):
            return refused
        out.amounts = plus(out.amounts, more)
        return Granted(self.clock.at, self.balances(out.claims), over)

    def settle(self, hold: str, amounts: Amounts, claims: Sequence[Claim]) -> Granted | Gone:
        self.reclaim()
        if hold in self.settled:
            return Gone(self.clock.at)
        self.settled.add(hold)
        if hold in self.expired:
            out = self.expired.pop(hold)
            claims = out.claims
            if out.amounts == out.floor == ZERO:
                self.spend(hold, claims, amounts)
            for claim in claims:
                for line in self.lines.get(claim.account, ()):
                    if line.hold == hold:
                        line.amounts = amounts
        else:
            claims = self.holds.pop(hold).claims if hold in self.holds else claims
            self.spend(hold, claims, amounts)
        return Granted(self.clock.at, self.balances(claims))

    def reset(self, account: str) -> Balance:
        self.reclaim()
        self.lines.pop(account, None)
        self.marks -= {(found, mark) for found, mark in self.marks if found == account}
        return self.balance(account)

    def top_up(self, account: str, amounts: Amounts) -> Balance:
        self.reclaim()
        self.topped[account] = plus(self.topped.get(account, ZERO), amounts)
        self.claimed.setdefault(account, Claim(account, Limits()))
        return self.balance(account)

    def once(self, account: str, mark: str) -> bool:
        new = (account, mark) not in self.marks
        self.marks.add((account, mark))
        return new


def left(claim: Claim, at: int) -> int:
    """When what was spent then leaves a rolling window."""
    return at - at % claim.bucket + claim.bucket + claim.span
