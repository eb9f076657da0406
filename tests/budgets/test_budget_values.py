"""``Budget`` and ``rolling``: what is taken, what is refused and what to write instead, and what they are."""

from __future__ import annotations

import copy
import pickle
import zoneinfo
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tokeneff
from tokeneff._flow import Tokens, Written
from tokeneff.budgets import Threshold, normalised
from tokeneff.budgets._durations import microseconds, written
from tokeneff.budgets._money import in_usd, nano_usd, shown
from tokeneff.stores import Limits

MOST = 9_000_000 * 10**9


@pytest.mark.parametrize(
    ("usd", "nano"),
    [
        (50, 50 * 10**9),
        (0.1, 10**8),
        (0.30000000000000004, None),
        ("0.50", 5 * 10**8),
        (" 2 ", 2 * 10**9),
        (Decimal("0.000000001"), 1),
        ("1e-9", 1),
        (1e-9, 1),
        (9_000_000, MOST),
        ("8999999.999999999", MOST - 1),
        (Decimal("2.50"), 25 * 10**8),
        ("0.0000000010000000000000000000000000000000000000", 1),
    ],
)
def test_money_is_what_it_is_written_as(usd: Any, nano: int | None) -> None:
    if nano is None:
        with pytest.raises(ValueError, match="finer than a nano-dollar"):
            tokeneff.Budget(usd)
        return
    budget = tokeneff.Budget(usd=usd)
    assert budget.limits == Limits(nano, None, None)
    assert budget.usd is not None
    assert Fraction(budget.usd) == Fraction(nano, 10**9)


@given(st.integers(1, MOST))
def test_money_comes_back_as_it_went(nano: int) -> None:
    with localcontext(prec=3):
        usd = in_usd(nano)
        assert Fraction(usd) == Fraction(nano, 10**9)
        assert nano_usd(usd) == nano_usd(str(usd)) == nano_usd(f"{nano}e-9") == nano
        assert tokeneff.Budget(usd) == tokeneff.Budget(str(usd))
        assert Fraction(shown("usd", nano).removesuffix(" USD").replace(",", "")) == Fraction(nano, 10**9)


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.floats(allow_nan=False, allow_infinity=False))
def test_money_is_exact_or_refused(usd: Decimal | float) -> None:
    exact = Fraction(repr(usd)) if isinstance(usd, float) else Fraction(usd)
    taken = 0 < exact <= 9_000_000 and (exact * 10**9).denominator == 1
    try:
        assert Fraction(nano_usd(usd), 10**9) == exact
    except ValueError:
        assert not taken
    else:
        assert taken


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({}, TypeError, "a budget of nothing: write usd=, tokens= or requests=, as tokeneff.Budget(usd=50)"),
        ({"usd": 0}, ValueError, "usd=0 lets nothing pass; write more than 0 US dollars, as usd=0.50"),
        ({"usd": -1.5}, ValueError, "usd=-1.5 lets nothing pass; write more than 0 US dollars, as usd=0.50"),
        ({"usd": True}, TypeError, "usd= takes US dollars as a number, str or Decimal, not bool; write usd=0.50"),
        ({"usd": float("nan")}, ValueError, "usd=nan is no amount of money; write US dollars, as usd=0.50"),
        ({"usd": "-Infinity"}, ValueError, "usd='-Infinity' is no amount of money; write US dollars, as usd=0.50"),
        ({"usd": "$5"}, ValueError, "usd='$5' is no number; write US dollars without a sign, as usd='0.50'"),
        (
            {"usd": 9_000_001},
            ValueError,
            "usd=9000001 is more than can be counted exactly; write 9000000 US dollars at most",
        ),
        (
            {"usd": Decimal("1e-1000000")},
            ValueError,
            "usd=Decimal('1E-1000000') is finer than a nano-dollar (0.000000001), the smallest amount that is kept",
        ),
        ({"usd": b"5"}, TypeError, "usd= takes US dollars as a number, str or Decimal, not bytes; write usd=0.50"),
        ({"tokens": 0}, ValueError, "tokens=0 is no limit; write a whole number from 1 to 9,000,000,000,000,000"),
        (
            {"tokens": 2e5},
            TypeError,
            "tokens= takes a whole number, not 200000.0 of type float; write tokens=200000",
        ),
        ({"requests": True}, TypeError, "requests= takes a whole number, not True of type bool"),
        ({"requests": "5"}, TypeError, "requests= takes a whole number, not '5' of type str"),
        ({"requests": -5}, ValueError, "requests=-5 is no limit; write a whole number from 1 to 9,000,000,000,000,000"),
        (
            {"usd": 1, "per": "daily"},
            ValueError,
            "per='daily' is not known (is per='day' meant?); one of 'hour', 'day', 'week', 'month', 'session', 'total' "
            "or tokeneff.rolling('10m')",
        ),
        (
            {"usd": 1, "per": "10m"},
            ValueError,
            "per='10m' is a span of time: write per=tokeneff.rolling('10m'); one of 'hour', 'day', 'week', 'month', "
            "'session', 'total' or tokeneff.rolling('10m')",
        ),
        (
            {"usd": 1, "per": 600},
            ValueError,
            "per=600 is not known; one of 'hour', 'day', 'week', 'month', 'session', 'total' or "
            "tokeneff.rolling('10m')",
        ),
        (
            {"usd": 1, "by": 5},
            TypeError,
            "by= takes names of tags, as by='user' or by=('team', 'feature'), not int",
        ),
        (
            {"usd": 1, "by": "team, feature"},
            ValueError,
            "by='team, feature': 'team, feature' is no name of a tag, as tokeneff.tag(user=…) has them; write "
            "by=('team', 'feature')",
        ),
        ({"usd": 1, "by": ("user", "user")}, ValueError, "by=('user', 'user') names 'user' twice"),
        ({"usd": 1, "by": ""}, ValueError, "by='': '' is no name of a tag, as tokeneff.tag(user=…) has them"),
        (
            {"usd": 1, "by": list("abcdefghi")},
            ValueError,
            "by=['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'] names more than 8 tags",
        ),
        (
            {"usd": 1, "by": "user", "per": "session"},
            ValueError,
            "per='session' is kept by session; write by=('user', 'session')",
        ),
        (
            {"usd": 1, "per": "day", "tz": "Europe/Berlln"},
            ValueError,
            "tz='Europe/Berlln' is no time zone (is tz='Europe/Berlin' meant?); write a name as 'Europe/Berlin'",
        ),
        (
            {"usd": 1, "per": "day", "tz": "../etc/passwd"},
            ValueError,
            "tz='../etc/passwd' is no time zone; write a name as 'Europe/Berlin'",
        ),
        ({"usd": 1, "per": "day", "tz": UTC}, TypeError, "tz= takes the name of a time zone, as 'Europe/Berlin', not "),
        (
            {"usd": 1, "tz": "Europe/Berlin"},
            ValueError,
            "tz='Europe/Berlin' is for per='hour', 'day', 'week' or 'month'; leave it out with per='total'",
        ),
        (
            {"usd": 1, "then": "blok"},
            ValueError,
            "then='blok' is not known (is then='block' meant?); write one of 'block', 'downgrade', 'queue', 'warn', "
            "'shadow'",
        ),
        (
            {"usd": 1, "then": "downgrade"},
            ValueError,
            "then='downgrade' needs the model to ask instead; write to='gpt-4.1-mini' or the like",
        ),
        (
            {"usd": 1, "to": "gpt-4.1-mini"},
            ValueError,
            "to='gpt-4.1-mini' is for then='downgrade', and this says then='block'; leave one out",
        ),
        (
            {"usd": 1, "at": 50},
            ValueError,
            "at=50: 50 is no part of a limit; write numbers above 0 and up to 1, as (0.5, 0.8)",
        ),
        (
            {"usd": 1, "at": (0.5, True)},
            ValueError,
            "at=(0.5, True): True is no part of a limit; write numbers above 0 and up to 1, as (0.5, 0.8)",
        ),
        (
            {"usd": 1, "at": "0.5"},
            ValueError,
            "at='0.5': '0.5' is no part of a limit; write numbers above 0 and up to 1, as (0.5, 0.8)",
        ),
        ({"usd": 1, "tell": "me"}, TypeError, "tell= takes what can be called with a Threshold, not str; write tell="),
        (
            {"usd": 1, "wait": "30s"},
            ValueError,
            "wait='30s' is for then='queue', and this says then='block'; leave one out",
        ),
        (
            {"usd": 1, "then": "queue", "wait": "soon"},
            ValueError,
            "wait='soon' is no span of time; write wait='30s', a timedelta, or seconds",
        ),
        (
            {"usd": 1, "then": "queue", "wait": "25h"},
            ValueError,
            "wait='25h' is longer than a day; write wait='30s' or the like",
        ),
        ({"usd": 1, "cap_output": 1000}, TypeError, "cap_output= takes True or False, not 1000"),
        (
            {"usd": 1, "on_unknown_price": "open"},
            ValueError,
            "on_unknown_price='open' is not known; write one of 'block', 'allow'",
        ),
        ({"usd": 1, "name": 5}, TypeError, "name= takes a str, not int"),
        (
            {"usd": 1, "name": "a\nb"},
            ValueError,
            r"name='a\nb': write a printable name of 1 to 100 characters, as name='daily'",
        ),
    ],
)
def test_what_is_refused_says_what_to_write(arguments: dict[str, Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as refused:
        tokeneff.Budget(**arguments)
    assert str(refused.value).startswith(text)


def test_a_machine_without_time_zones_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "available_timezones", set)

    with pytest.raises(ValueError, match="no data of time zones; pip install tzdata"):
        tokeneff.Budget(usd=1, per="day", tz="Nowhere/Atall")
    assert tokeneff.Budget(usd=1, per="day").tz == "UTC"


def test_a_budget_has_what_was_given_and_the_usual_rest() -> None:
    assert vars(tokeneff.Budget(usd=50)) == {
        "usd": Decimal(50),
        "tokens": None,
        "requests": None,
        "per": "total",
        "by": (),
        "tz": "UTC",
        "then": "block",
        "to": None,
        "at": (),
        "tell": None,
        "wait": None,
        "cap_output": False,
        "on_unknown_price": "block",
        "name": "total",
    }
    full = tokeneff.Budget(
        "0.25",
        tokens=1000,
        requests=5,
        per="week",
        by=["team", "feature"],
        tz=zoneinfo.ZoneInfo("Europe/Berlin"),
        then="queue",
        at=[0.8, 0.5, 0.5, 1],
        tell=print,
        wait=timedelta(minutes=2),
        cap_output=True,
        on_unknown_price="allow",
        name="mine",
    )
    assert vars(full) == {
        "usd": Decimal("0.25"),
        "tokens": 1000,
        "requests": 5,
        "per": "week",
        "by": ("team", "feature"),
        "tz": "Europe/Berlin",
        "then": "queue",
        "to": None,
        "at": (0.5, 0.8, 1.0),
        "tell": print,
        "wait": 120.0,
        "cap_output": True,
        "on_unknown_price": "allow",
        "name": "mine",
    }


def test_what_follows_from_the_rest() -> None:
    assert tokeneff.Budget(1, per="session").by == ("session",)
    assert tokeneff.Budget(1, then="queue").wait == 30
    assert tokeneff.Budget(1, tell=print).at == tokeneff.Budget(1, then="warn").at == (1.0,)
    assert tokeneff.Budget(1, tell=print, at=0.5).at == (0.5,)
    assert [tokeneff.Budget(1, then=then).enforced for then in ("block", "queue", "warn", "shadow")] == [
        True,
        True,
        False,
        False,
    ]
    assert tokeneff.Budget(1, then="downgrade", to="small").to == "small"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({}, "total"),
        ({"per": "day"}, "day"),
        ({"per": "day", "tz": "Europe/Berlin"}, "day Europe/Berlin"),
        ({"per": "hour", "by": "user"}, "hour by user"),
        ({"per": tokeneff.rolling("10m"), "by": ("team", "feature")}, "10m by team,feature"),
        ({"per": "session"}, "session by session"),
        ({"per": "session", "by": ("user", "session")}, "session by user,session"),
        ({"name": "mine"}, "mine"),
    ],
)
def test_the_name_tells_everything_but_the_limits(arguments: dict[str, Any], name: str) -> None:
    assert tokeneff.Budget(1, **arguments).name == tokeneff.Budget(tokens=7, **arguments).name == name


BUDGETS = [
    tokeneff.Budget(usd=0.1),
    tokeneff.Budget(50, tokens=7, per="day", by=("user", "team"), tz="America/New_York", name="mine"),
    tokeneff.Budget(requests=5, per=tokeneff.rolling("1h30m"), then="queue", wait="1m", cap_output=True),
    tokeneff.Budget(usd="0.000000001", per="session", then="downgrade", to="small", on_unknown_price="allow"),
    tokeneff.Budget(tokens=1, then="warn", at=0.5, tell=print),
]


@pytest.mark.parametrize("budget", BUDGETS, ids=repr)
def test_a_budget_is_a_value(budget: tokeneff.Budget) -> None:
    assert budget.limits  # what is remembered of it is no part of it
    again = pickle.loads(pickle.dumps(budget))
    assert again == budget == copy.deepcopy(budget)
    assert hash(again) == hash(budget)
    assert [one for one in BUDGETS if one == budget] == [budget]
    written = {"Budget": tokeneff.Budget, "rolling": tokeneff.rolling, "print": print}
    source = repr(budget).replace("<built-in function print>", "print")
    assert eval(source, written) == budget
    with pytest.raises(AttributeError):
        budget.usd = Decimal(9)  # type: ignore[misc]


def test_a_budget_shows_what_was_given() -> None:
    assert [repr(budget) for budget in BUDGETS] == [
        "Budget(usd=0.1)",
        "Budget(usd=50, tokens=7, per='day', by=('user', 'team'), tz='America/New_York', name='mine')",
        "Budget(requests=5, per=rolling('1h30m'), then='queue', wait=60.0, cap_output=True)",
        "Budget(usd=1E-9, per='session', by=('session',), then='downgrade', to='small', on_unknown_price='allow')",
        "Budget(tokens=1, then='warn', at=(0.5,), tell=<built-in function print>)",
    ]


class Unhashable(list[Any]):
    def tell(self, threshold: Threshold) -> None: ...


def test_whom_to_tell_need_not_be_hashable() -> None:
    assert isinstance(hash(tokeneff.Budget(1, tell=Unhashable().tell)), int)


@pytest.mark.parametrize(
    ("span", "text", "micros", "bucket"),
    [
        ("10m", "10m", 600_000_000, 10_000_000),
        ("90s", "1m30s", 90_000_000, 1_500_000),
        ("1h30m", "1h30m", 5_400_000_000, 90_000_000),
        ("7d", "7d", 604_800_000_000, 10_080_000_000),
        ("1w", "7d", 604_800_000_000, 10_080_000_000),
        ("1d 12h", "1d12h", 129_600_000_000, 2_160_000_000),
        ("1.5h", "1h30m", 5_400_000_000, 90_000_000),
        (1, "1s", 1_000_000, 17_000),
        (1.5, "1.5s", 1_500_000, 25_000),
        (timedelta(days=366), "366d", 31_622_400_000_000, 527_040_000_000),
        (timedelta(seconds=1, microseconds=1), "1.000001s", 1_000_001, 17_000),
    ],
)
def test_rolling_windows(span: Any, text: str, micros: int, bucket: int) -> None:
    found = tokeneff.rolling(span)
    assert (str(found), found.span, found.bucket) == (text, micros, bucket)
    assert repr(found) == f"rolling({text!r})"
    assert tokeneff.rolling(text) == found == pickle.loads(pickle.dumps(found))


@given(st.integers(1_000_000, 366 * 86_400 * 1_000_000))
def test_a_span_comes_back_from_its_text_and_its_buckets_are_never_too_long(span: int) -> None:
    found = tokeneff.rolling(timedelta(microseconds=span))
    assert found.span == span == microseconds(written(span), "span", "10m")
    assert span <= found.bucket * 60 < span + 60_000
    assert found.bucket % 1000 == 0


@pytest.mark.parametrize(
    ("span", "kind", "text"),
    [
        ("0.5s", ValueError, "rolling('0.5s') is not between a second and 366 days; write rolling('10m') or the like"),
        ("367d", ValueError, "rolling('367d') is not between a second and 366 days; write rolling('10m') or the like"),
        (1e300, ValueError, "rolling(1e+300) is not between a second and 366 days; write rolling('10m') or the like"),
        ("10 minutes", ValueError, "span='10 minutes' is no span of time; write span='10m', a timedelta, or seconds"),
        ("", ValueError, "span='' is no span of time; write span='10m', a timedelta, or seconds"),
        ("30m1h", ValueError, "span='30m1h' is no span of time; write span='10m', a timedelta, or seconds"),
        ("-5m", ValueError, "span='-5m' is no span of time; write span='10m', a timedelta, or seconds"),
        (0, ValueError, "span=0 is no span of time above 0; write span='10m', a timedelta, or seconds"),
        (float("nan"), ValueError, "span=nan is no span of time above 0; write span='10m', a timedelta, or seconds"),
        (True, TypeError, "span= takes a span of time, not bool; write span='10m', a timedelta, or seconds"),
        (None, TypeError, "span= takes a span of time, not NoneType; write span='10m', a timedelta, or seconds"),
    ],
)
def test_spans_that_are_none(span: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as refused:
        tokeneff.rolling(span)
    assert str(refused.value) == text


def test_one_budget_several_or_none() -> None:
    day, hour = tokeneff.Budget(1, per="day"), tokeneff.Budget(2, per="hour")
    assert normalised(None) == normalised([]) == ()
    assert normalised(day) == (day,)
    assert normalised([day, hour]) == normalised(iter((day, hour))) == (day, hour)


@pytest.mark.parametrize(
    ("budgets", "kind", "text"),
    [
        (50, TypeError, "budget= takes a tokeneff.Budget or a list of them, not 50: write tokeneff.Budget(usd=50)"),
        ("50", TypeError, "budget= takes a tokeneff.Budget or a list of them, not a value of type str"),
        ({"usd": 50}, TypeError, "budget= takes a tokeneff.Budget or a list of them, not a value of type dict"),
        ([0.5], TypeError, "budget= takes a tokeneff.Budget or a list of them; one of these is 0.5: write "),
        (tokeneff.Budget, TypeError, "budget= takes a tokeneff.Budget or a list of them, not the class Budget: call "),
        (
            [tokeneff.Budget(1, per="day"), tokeneff.Budget(tokens=5, per="day")],
            ValueError,
            "two budgets are named 'day' and would be one; give each a name, as name='day 2', or put their limits into "
            "one, as tokeneff.Budget(usd=50, tokens=1_000_000)",
        ),
    ],
)
def test_what_are_no_budgets(budgets: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as refused:
        normalised(budgets)
    assert str(refused.value).startswith(text)


def test_a_threshold_reads_as_a_sentence() -> None:
    told = Threshold("hour by user", "user=u1", "2026-11-22T14+01:00", 0.8, "usd", 2 * 10**9, 1_600_000_000, 5_000_000)
    assert str(told) == (
        "budget 'hour by user' of user=u1 in 2026-11-22T14+01:00: 80% of 2.00 USD reached: 1.60 USD spent, "
        "0.005 USD held"
    )
    assert (told.limit_usd, told.spent_usd, told.held_usd) == (2, Decimal("1.6"), Decimal("0.005"))
    tokens = Threshold("total", "", "", 1.0, "tokens", 12_000, 11_999, 1)
    assert str(tokens) == "budget 'total': 100% of 12,000 tokens reached: 11,999 tokens spent, 1 token held"
    assert (tokens.limit_usd, tokens.spent_usd, tokens.held_usd) == (None, None, None)


EXCEEDED = {
    "budget": "hour by user",
    "scope": "user=u1",
    "window": "2026-11-22T14+01:00",
    "unit": "usd",
    "limit": 2 * 10**9,
    "spent": 1_930_000_000,
    "held": 50_000_000,
    "asked": 40_000_000,
    "resets": datetime(2026, 11, 22, 15, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    "call_id": "c1",
}


def test_what_was_exceeded_is_said_in_a_sentence_and_in_figures() -> None:
    error = tokeneff.BudgetExceeded(**EXCEEDED)
    assert str(error) == (
        "budget 'hour by user' of user=u1: the call may cost up to 0.04 USD, with 1.93 USD of 2.00 USD spent and "
        "0.05 USD held; resets 2026-11-22 15:00:00+01:00"
    )
    assert vars(error) == {**EXCEEDED, "partial": None, "guard": None}
    assert (error.limit_usd, error.spent_usd, error.held_usd, error.asked_usd) == (
        2,
        Decimal("1.93"),
        Decimal("0.05"),
        Decimal("0.04"),
    )
    stream = tokeneff.BudgetExceeded(budget="total", unit="requests", limit=5, spent=5, asked=1, partial=Written("Hi"))
    assert str(stream) == "budget 'total': its stream needs 1 request more, with 5 requests of 5 requests spent"
    assert (stream.limit_usd, stream.asked_usd) == (None, None)


@pytest.mark.parametrize(
    "error",
    [
        tokeneff.BudgetExceeded(**EXCEEDED, partial=Written("Hi", "hm", (("tool", "{}"),))),
        tokeneff.BudgetExceeded("said otherwise", budget="total"),
        tokeneff.PriceUnknown(model="my-llama", provider="vllm", budget="day"),
        tokeneff.BudgetUnavailable(store="redis://h:6379/0", reason="refused", call_id="c1"),
    ],
    ids=repr,
)
def test_errors_travel_to_other_processes(error: tokeneff.BudgetExceeded) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)
        assert isinstance(again, tokeneff.TokeneffError)


def test_what_has_no_price_names_the_lines_to_add(tmp_path: Path) -> None:
    error = tokeneff.PriceUnknown(model='my-"llama"', provider="vllm", budget="day")
    said, _, lines = str(error).partition("\n\n")
    assert said == (
        "budget 'day' is in US dollars, and there is no price for 'my-\"llama\"' at vllm; let such calls pass with "
        'on_unknown_price="allow", or add to your prices.toml, in US dollars per million tokens:'
    )
    (tmp_path / "prices.toml").write_text(lines, "utf-8")
    tokens = Tokens(input_tokens=1_000_000, output_tokens=1_000_000)
    cost = tokeneff.Prices(tmp_path / "prices.toml").cost(tokens, model='my-"llama"', provider="vllm")
    assert cost.usd == 2.0
    assert isinstance(error, tokeneff.BudgetExceeded)


def test_what_cannot_be_asked_names_the_store() -> None:
    error = tokeneff.BudgetUnavailable(store="redis://h:6379/0", reason="refused")
    assert str(error) == (
        "the store of budgets redis://h:6379/0 cannot be asked: refused; no call passes meanwhile, for it was opened "
        'with on_store_error="closed"'
    )
    assert isinstance(error, tokeneff.BudgetExceeded)
