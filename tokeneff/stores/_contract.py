"""What every store of budgets does: one atomic step that reserves, one that settles, and a journal of both.

An *account* is where one budget is kept for one scope: ``daily|user=u1|2026-11-22``. It has what was ``spent``, what is
``held`` for calls that are on their way, and what was added to its limit by hand. A *hold* is one call's share of each
of the accounts that it claims. Amounts are whole numbers: nano-dollars, tokens, requests.

At any time, for every account: all that the journal says was held and was spent sums to what the account holds and has
spent. That is what ``tests/stores`` proves of each store. (Of a rolling window: all that was spent in buckets that have
not left it. Spending is dated by the entry that spent it first, a settling or the end of a lease, and stays dated so
when it is put right.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias


class Amounts(NamedTuple):
    """What a call costs or may cost; each within 0 and 2**53, which is what a Redis script counts exactly."""

    usd: int = 0
    """Nano-dollars (1e-9 USD)."""
    tokens: int = 0
    """Input and output tokens."""
    requests: int = 0


class Limits(NamedTuple):
    """What an account may spend; ``None`` where that unit has no limit."""

    usd: int | None = None
    tokens: int | None = None
    requests: int | None = None


class Claim(NamedTuple):
    """One budget's say in a call: the account that is asked, and how far that may go."""

    account: str
    """The account's name, unique in its store: budget, scope and, for calendar windows, the window's start."""
    limits: Limits
    enforced: bool = True
    """False for budgets that only watch (``warn``, ``shadow``): the call is granted, and said to be over."""
    start: int = 0
    """Calendar windows: when it begins, in microseconds since 1970 by the store's clock; else 0."""
    end: int = 0
    """Calendar windows: when it is over. 0: it never is."""
    span: int = 0
    """Rolling windows: microseconds that it reaches back. 0: it does not roll."""
    bucket: int = 0
    """Rolling windows: microseconds of a bucket, which begins at a whole multiple of it. What was spent leaves the
    window with the whole of its bucket, when that ended ``span`` ago, so the window is between ``span`` and
    ``span + bucket`` long: never shorter than promised. It is kept for another ``span``, should the clock be put back,
    and what is dated later than now counts."""
    budget: str = ""
    """The budget's name, for people."""
    scope: str = ""
    """Whom the account is for, as ``user=u1,feature=search``, for people; empty: everybody."""
    window: str = ""
    """Which window this is, as ``2026-11-22`` or ``rolling 10m``, for people. ``session`` is for stores too: such
    accounts may be forgotten when nobody claimed them for 90 days, others without a window never."""


class Balance(NamedTuple):
    """Where an account stands. ``limits`` are those last claimed (by `reserve`, also if refused), with what was topped
    up already added; of a rolling account, ``spent`` is what its window has."""

    account: str
    spent: Amounts = Amounts()
    held: Amounts = Amounts()
    limits: Limits = Limits()
    topped: Amounts = Amounts()


class Granted(NamedTuple):
    """The hold is there (or was already: asking twice with one id is asking once)."""

    now: int
    """The store's clock, in microseconds since 1970."""
    balances: tuple[Balance, ...]
    """One for each claim, after the hold."""
    over: tuple[int, ...] = ()
    """Which claims it did not fit, though they were not enforced."""


class Refused(NamedTuple):
    """Nothing was held, for some enforced claims did not fit."""

    now: int
    balances: tuple[Balance, ...]
    over: tuple[int, ...]
    """Which claims it did not fit, enforced or not."""
    frees: int = 0
    """When, by the store's clock, room appears at the earliest without anybody's settling or a window's end: when the
    first bucket that is not empty leaves the rolling window that it did not fit (the latest of these moments, where
    there are several such enforced claims; 0: there is none). A lease that ends is charged, and so makes no room."""


class Stale(NamedTuple):
    """A claim's calendar window is not the store's present one: the caller's clock differs. Ask again by this one."""

    now: int


class Gone(NamedTuple):
    """The hold is no more: settled, or its lease ran out and its worst case was charged."""

    now: int


Reservation: TypeAlias = Granted | Refused | Stale | Gone


class Hold(NamedTuple):
    """A hold that is there now."""

    id: str
    accounts: tuple[str, ...]
    amounts: Amounts
    floor: Amounts
    """What was certainly spent when its owner last said."""
    since: int
    expires: int
    """Microseconds since 1970."""


class State(NamedTuple):
    """One account, for people."""

    balance: Balance
    budget: str
    scope: str
    window: str
    start: int
    end: int
    span: int
    used: int
    """When it was last claimed."""


Step: TypeAlias = Literal["reserve", "extend", "settle", "expire", "adjust", "top-up", "reset"]


class Entry(NamedTuple):
    """One line of the journal. ``held`` and ``spent`` are changes to each of ``accounts``, negative ones included; what
    changes nothing has no line. Of a top-up (both 0), ``note`` says what was added, as `topped` writes it."""

    seq: int
    at: int
    step: Step
    hold: str
    accounts: tuple[str, ...]
    held: Amounts
    spent: Amounts
    note: str = ""


def topped(amounts: Amounts) -> str:
    """A top-up as its entry notes it.

    >>> topped(Amounts(usd=5_000_000_000, tokens=-10))
    'usd +5000000000, tokens -10'
    """
    return ", ".join(f"{unit} {value:+d}" for unit, value in zip(amounts._fields, amounts, strict=True) if value)


class Store(Protocol):
    """A store of budgets. All methods block and are safe to call from any thread, and after a fork.

    Every step first reclaims holds whose lease is over: they are charged in full (their ``amounts``, and no unit less
    than their floor), for a call whose process was killed may well have been billed. Steps of one ``group`` are atomic;
    a store that need not tell groups apart ignores it.

    Raises (any method):
        StoreUnavailable: the store cannot be asked now, or not within its ``patience``. Whether a step was taken is not
            known then; all of them may be repeated with the same id.
    """

    url: str
    """What it was opened by, without a password."""
    instant: bool
    """Whether it never waits, so that an event loop may call it."""
    clock: Callable[[], int] | None
    """For tests: asked for the time (microseconds since 1970) in place of the store's own clock, once for each step;
    normally ``None``."""

    def reserve(self, hold: str, amounts: Amounts, claims: Sequence[Claim], lease: int, group: str = "") -> Reservation:
        """All or nothing: check every claim, and hold ``amounts`` in each account for ``lease`` microseconds.

        A claim fits if, for each limited unit, spent (in the window) + held + amounts <= limit + topped up.
        An id that is held already is granted as it is (also if a window is over, or its amounts would not fit now);
        one that was settled or released, or whose lease ran out, is `Gone`.
        """
        ...

    def extend(self, hold: str, amounts: Amounts, floor: Amounts, lease: int, group: str = "") -> Reservation:
        """Have a hold be of ``amounts`` (never less than it is) for another ``lease``, if the difference fits.

        Only units that grow are asked for, so that what does not grow always fits. `Refused` leaves it as it was, but
        for its floor and lease. The claims are those it was reserved with, whether or not their windows are over.
        """
        ...

    def settle(
        self, hold: str, amounts: Amounts, claims: Sequence[Claim], group: str = "", note: str = ""
    ) -> Granted | Gone:
        """The call is over and cost ``amounts``: spend them and let the hold go. Only the first settling counts.

        A hold is settled in the accounts it was reserved in; the balances are theirs, in its claims' order. A hold
        whose lease ran out is put right: what was charged is replaced by ``amounts`` (not in accounts that were reset
        since: these forgot it, nor in a bucket that is no longer kept). A hold that the store never saw, or lost, is
        spent all the same (``claims`` say where), and so is one for which nothing was charged. An id settled before
        (within a day) is `Gone`. Zero amounts release a hold, also one that arrives only later.
        """
        ...

    def renew(self, holds: Iterable[tuple[str, str]], lease: int) -> None:
        """Heartbeat: give each ``(hold, group)`` that is still there another ``lease``."""
        ...

    def once(self, account: str, mark: str, group: str = "") -> bool:
        """Whether nobody asked this of this account (in this window) before: for thresholds that are told once.

        In a rolling window it is told again when it was last told a ``span`` ago.
        """
        ...

    def now(self) -> int:
        """The store's clock, in microseconds since 1970."""
        ...

    def states(self, prefix: str = "") -> list[State]:
        """Every account whose name begins with ``prefix``, by name; windows that were over a day ago are left out."""
        ...

    def holds(self) -> list[Hold]:
        """Every hold that is there, the oldest first."""
        ...

    def journal(self, account: str | None = None, newest: int = 1000) -> list[Entry]:
        """The newest entries, oldest first."""
        ...

    def top_up(self, account: str, amounts: Amounts) -> Balance:
        """Add to an account's limits (of this window, where it has windows); negative amounts take away again.

        An account that nobody claimed yet is made.
        """
        ...

    def reset(self, account: str) -> Balance:
        """Have an account's spending start again at 0; what is held stays held, thresholds may be told again."""
        ...

    def close(self) -> None:
        """Let connections go. Using the store again opens it again."""
        ...
