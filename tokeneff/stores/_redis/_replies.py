"""What scripts answer, as values of the contract."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from tokeneff.stores._contract import (
    Amounts,
    Balance,
    Entry,
    Gone,
    Granted,
    Hold,
    Limits,
    Refused,
    Reservation,
    Stale,
    State,
    Step,
)
from tokeneff.stores._rules import raised


def reservation(reply: Sequence[Any]) -> Reservation:
    """The answer to a step: what came of it, when, and what there is to tell."""
    status, now = bytes(reply[0]), int(reply[1])
    if status == b"stale":
        return Stale(now)
    if status == b"gone":
        return Gone(now)
    balances = tuple(balance(told) for told in reply[2])
    over = tuple(int(number) for number in reply[3])
    if status == b"granted":
        return Granted(now, balances, over)
    return Refused(now, balances, over, int(reply[4]))


def balance(told: Sequence[bytes]) -> Balance:
    """An account's balance."""
    name, spent, held, limits, topped = told
    more = _amounts(topped)
    return Balance(_text(name), _amounts(spent), _amounts(held), raised(_limits(limits), more), more)


def states(told: Iterable[Sequence[Any]]) -> Iterator[tuple[int, State]]:
    """Accounts that are there, each with when this was told."""
    for known, stands, budget, scope, window, start, end, span, used, now in told:
        if known:
            state = State(
                balance(stands), _text(budget), _text(scope), _text(window), int(start), int(end), int(span), int(used)
            )
            yield int(now), state


def holds(told: Iterable[Sequence[bytes]]) -> Iterator[Hold]:
    """Holds that are there."""
    for name, claims, amounts, floor, since, expires in told:
        if claims:
            accounts = tuple(str(claim[0]) for claim in json.loads(claims))
            yield Hold(_text(name), accounts, _amounts(amounts), _amounts(floor), int(since), int(expires))


def entry(name: bytes, fields: dict[bytes, bytes]) -> Entry:
    """A line of the journal; ``seq`` is the stream's own number of it: milliseconds, and which of these it is."""
    moment, _, number = _text(name).partition("-")
    return Entry(
        (int(moment) << 20) + int(number),
        int(fields[b"at"]),
        cast(Step, _text(fields[b"step"])),
        _text(fields[b"hold"]),
        tuple(json.loads(fields[b"accounts"])),
        _amounts(fields[b"held"]),
        _amounts(fields[b"spent"]),
        _text(fields[b"note"]),
    )


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _amounts(text: bytes) -> Amounts:
    usd, tokens, requests = text.split()
    return Amounts(int(usd), int(tokens), int(requests))


def _limits(text: bytes) -> Limits:
    return Limits._make(None if one == b"-" else int(one) for one in text.split())
