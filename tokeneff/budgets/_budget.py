"""What a budget is: how much, per which window, for whom, and what happens to a call that does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias, cast
from zoneinfo import ZoneInfo

from tokeneff.budgets import _checks as check
from tokeneff.budgets._durations import SECOND, Span, microseconds, written
from tokeneff.budgets._money import Usd, in_usd, nano_usd, shown
from tokeneff.budgets._windows import Calendar
from tokeneff.stores._contract import Claim, Limits

Unit: TypeAlias = Literal["usd", "tokens", "requests"]
Action: TypeAlias = Literal["block", "downgrade", "queue", "warn", "shadow"]
Tell: TypeAlias = Callable[["Threshold"], object]

_WAIT = 30.0


class Threshold(NamedTuple):
    """A part of a budget that has been used up, as a budget's ``tell`` is told: once per window.

    Example::

        tokeneff.Budget(usd=50, per="day", at=(0.5, 0.8), tell=print)
        # budget 'day' in 2026-11-22: 80% of 50.00 USD reached: 40.02 USD spent, 0.31 USD held

    Amounts are whole numbers of ``unit``: nano-dollars (1e-9 USD), tokens or requests.
    """

    budget: str
    """The budget's name."""
    scope: str
    """Whom it is for, as ``user=u1``; empty: everybody."""
    window: str
    """Which window this is, as ``2026-11-22``."""
    at: float
    """The part, as given in ``at``."""
    unit: Unit
    limit: int
    spent: int
    held: int
    """What calls on their way may cost."""

    @property
    def limit_usd(self) -> Decimal | None:
        """``limit`` in US dollars; ``None`` where the unit is another."""
        return in_usd(self.limit) if self.unit == "usd" else None

    @property
    def spent_usd(self) -> Decimal | None:
        """``spent`` in US dollars; ``None`` where the unit is another."""
        return in_usd(self.spent) if self.unit == "usd" else None

    @property
    def held_usd(self) -> Decimal | None:
        """``held`` in US dollars; ``None`` where the unit is another."""
        return in_usd(self.held) if self.unit == "usd" else None

    def __str__(self) -> str:
        whose = f" of {self.scope}" if self.scope else ""
        when = f" in {self.window}" if self.window else ""
        limit, spent, held = (shown(self.unit, one) for one in (self.limit, self.spent, self.held))
        return f"budget {self.budget!r}{whose}{when}: {self.at:.0%} of {limit} reached: {spent} spent, {held} held"


@dataclass(frozen=True, slots=True)
class Rolling:
    """A window that always reaches the same time back; made by :func:`rolling`."""

    span: int
    """Microseconds."""
    bucket: int
    """Microseconds; what was spent is let go with the whole of its bucket."""

    def __str__(self) -> str:
        return written(self.span)

    def __repr__(self) -> str:
        return f"rolling({written(self.span)!r})"


def rolling(span: Span) -> Rolling:
    """Get a window that always reaches the same time back, for a budget's ``per``.

    Example::

        tokeneff.Budget(tokens=200_000, per=tokeneff.rolling("10m"))

    Spending is kept in buckets of a sixtieth of the span, rounded up to a millisecond, and leaves the window with the
    whole of its bucket: a window of ten minutes reaches between 10:00 and 10:10 back, never less than 10:00.

    Args:
        span: ``"90s"``, ``"10m"``, ``"1h30m"``, ``"7d"``, a timedelta or seconds; from one second to 366 days.

    Raises:
        TypeError, ValueError: it is no such span; the text says what to write.
    """
    found = microseconds(span, "span", "10m")
    if not SECOND <= found <= 366 * 86_400 * SECOND:
        raise ValueError(f"rolling({span!r}) is not between a second and 366 days; write rolling('10m') or the like")
    return Rolling(found, -(-found // 60_000) * 1000)


@dataclass(frozen=True, init=False, repr=False)
class Budget:
    """How much may be spent, per which window and for whom, and what happens to a call that does not fit.

    Example::

        client = tokeneff.wrap(OpenAI(), budget=[
            tokeneff.Budget(usd=50, per="day", tz="Europe/Berlin"),
            tokeneff.Budget(tokens=200_000, requests=500, per=tokeneff.rolling("10m"), by=("team", "feature")),
            tokeneff.Budget(usd=0.50, per="session", then="downgrade", to="gpt-4.1-mini"),
        ])

    It is frozen, and can be compared, hashed and (where ``tell`` can be) pickled.

    Args:
        usd: US dollars, above 0 and at most 9,000,000, exact to the nano-dollar (a float is what it is written as).
        tokens: input and output tokens. requests: calls. At least one of the three is given, and each is a limit.
        per: ``"hour"``, ``"day"``, ``"week"`` (from Monday), ``"month"``, ``"session"`` (of the tag ``session``),
            ``"total"`` (for good), or :func:`rolling`.
        by: names of tags (see :func:`tag`), each of whose values has a budget of its own: ``"user"`` or
            ``("team", "feature")``. A call without the tag counts for ``(none)``. Values are told apart by their
            text, so ``1`` and ``"1"`` are one. With ``per="session"``, ``"session"`` where nothing is given.
        tz: time zone of the hours, days, weeks and months, as ``"Europe/Berlin"``.
        then: what happens to a call that does not fit. ``"block"``: it raises :class:`BudgetExceeded`;
            ``"downgrade"``: the model ``to`` is asked instead, and if that does not fit, it is blocked; ``"queue"``: it
            waits until it fits, at most ``wait``; ``"warn"``: it passes, and ``tell`` is told; ``"shadow"``: it passes,
            and what would have been blocked is recorded.
        to: the model of ``"downgrade"``.
        at: parts of the limit, above 0 and at most 1, at which ``tell`` is told, each once per window; 1 where
            only ``tell`` is given, or ``then`` is ``"warn"``.
        tell: called with a :class:`tokeneff.budgets.Threshold`.
        wait: longest wait of ``"queue"``: ``"30s"`` (the default), a timedelta, or seconds.
        cap_output: whether a call without a limit to its output is given one that the budget can afford.
        on_unknown_price: what a budget in US dollars does with a model that has no price: ``"block"`` (raises
            :class:`PriceUnknown`) or ``"allow"`` (its tokens and requests count, its cost cannot).
        name: what it is called on spans and in the store; else made of per, by and tz, as ``"hour by user"``. Limits
            are no part of it, so that they may change while spending goes on.

    Raises:
        TypeError, ValueError: an argument is wrong; the text says what to write.
    """

    usd: Decimal | None
    tokens: int | None
    requests: int | None
    per: Calendar | Literal["session", "total"] | Rolling
    by: tuple[str, ...]
    tz: str
    then: Action
    to: str | None
    at: tuple[float, ...]
    tell: Tell | None = field(hash=False)
    wait: float | None
    """Seconds; ``None`` unless it queues."""
    cap_output: bool
    on_unknown_price: Literal["block", "allow"]
    name: str

    def __init__(
        self,
        usd: Usd | None = None,
        *,
        tokens: int | None = None,
        requests: int | None = None,
        per: Calendar | Literal["session", "total"] | Rolling = "total",
        by: str | Iterable[str] = (),
        tz: str | ZoneInfo = "UTC",
        then: Action = "block",
        to: str | None = None,
        at: float | Iterable[float] = (),
        tell: Tell | None = None,
        wait: str | float | timedelta | None = None,
        cap_output: bool = False,
        on_unknown_price: Literal["block", "allow"] = "block",
        name: str | None = None,
    ) -> None:
        if usd is None and tokens is None and requests is None:
            raise TypeError("a budget of nothing: write usd=, tokens= or requests=, as tokeneff.Budget(usd=50)")
        found: dict[str, Any] = {
            "usd": None if usd is None else in_usd(nano_usd(usd)),
            "tokens": check.count(tokens, "tokens"),
            "requests": check.count(requests, "requests"),
            "per": check.per(per, Rolling),
            "then": check.one_of(then, "then", ("block", "downgrade", "queue", "warn", "shadow")),
            "tell": check.callback(tell),
            "cap_output": check.flag(cap_output, "cap_output"),
            "on_unknown_price": check.one_of(on_unknown_price, "on_unknown_price", ("block", "allow")),
        }
        found["by"] = check.by(by, found["per"])
        found["tz"] = check.tz(tz, found["per"])
        found["to"] = check.to(to, then)
        found["at"] = check.at(at) or ((1.0,) if tell is not None or then == "warn" else ())
        found["wait"] = check.wait(wait, then, _WAIT)
        found["name"] = check.name(name) or _name(found["per"], found["by"], found["tz"])
        self.__dict__.update(found)

    def __getstate__(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def __repr__(self) -> str:
        given = ((one.name, getattr(self, one.name)) for one in fields(self))
        usual = {**_USUAL, "name": _name(self.per, self.by, self.tz)}
        told = (
            f"{name}={value if isinstance(value, Decimal) else repr(value)}"
            for name, value in given
            if value != usual[name] and not (name == "wait" and value == _WAIT)
        )
        return f"Budget({', '.join(told)})"

    @cached_property
    def limits(self) -> Limits:
        """The limits as a store counts them."""
        return Limits(None if self.usd is None else nano_usd(self.usd), self.tokens, self.requests)

    @cached_property
    def latest(self) -> dict[str, Claim]:
        """The last claim of each scope, for those who make them."""
        return {}

    @cached_property
    def enforced(self) -> bool:
        """Whether calls that do not fit are kept from being sent as they are."""
        return self.then not in ("warn", "shadow")


_USUAL: dict[str, Any] = {
    **dict.fromkeys(("usd", "tokens", "requests", "to", "tell", "wait")),
    "per": "total",
    "by": (),
    "tz": "UTC",
    "then": "block",
    "at": (),
    "cap_output": False,
    "on_unknown_price": "block",
}


def _name(per: object, by: tuple[str, ...], tz: str) -> str:
    whose = f" by {','.join(by)}" if by else ""
    return f"{per}{whose}{f' {tz}' if tz != 'UTC' else ''}"


def normalised(budgets: object) -> tuple[Budget, ...]:
    """What was given as ``budget=``, checked: one :class:`Budget`, several, or ``None``.

    Raises:
        TypeError, ValueError: it is no budget, or two are of one name; the text says what to write.
    """
    if budgets is None:
        return ()
    if isinstance(budgets, Budget):
        return (budgets,)
    if isinstance(budgets, (str, bytes, Mapping)) or not isinstance(budgets, Iterable):
        raise TypeError(f"budget= takes a tokeneff.Budget or a list of them, not {_kind(cast('object', budgets))}")
    found = tuple(cast("Iterable[object]", budgets))
    names: set[str] = set()
    for one in found:
        if not isinstance(one, Budget):
            raise TypeError(f"budget= takes a tokeneff.Budget or a list of them; one of these is {_kind(one)}")
        if one.name in names:
            raise ValueError(
                f"two budgets are named {one.name!r} and would be one; give each a name, as name='{one.name} 2', "
                "or put their limits into one, as tokeneff.Budget(usd=50, tokens=1_000_000)"
            )
        names.add(one.name)
    return cast("tuple[Budget, ...]", found)


def _kind(value: object) -> str:
    if isinstance(value, (bool, int, float)):
        return f"{value!r}: write tokeneff.Budget(usd={value!r})"
    return (
        f"the class {value.__name__}: call it" if isinstance(value, type) else f"a value of type {type(value).__name__}"
    )
