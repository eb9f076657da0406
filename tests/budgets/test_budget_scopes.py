"""Which accounts a call claims: the same for the same, never the same for others, whatever the tags are."""

from __future__ import annotations

import enum
import random
import string
import subprocess
import sys
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokeneff
from tokeneff.budgets import claims, group, normalised
from tokeneff.budgets._scopes import NONE, prefix, quoted, scope
from tokeneff.stores import Claim, Limits

NOW = 1_795_356_000_000_000  # 2026-11-22T14:00:00Z
HOUR = 3_600_000_000
TAGS = {"user": "u1", "team": "search", "feature": "ask", "session": "s9"}


def one(budget: tokeneff.Budget, **tags: Any) -> Claim:
    (found,) = claims([budget], tags, NOW)
    return found


def test_one_claim_for_each_budget_in_their_order() -> None:
    budgets = normalised(
        [
            tokeneff.Budget(usd=50, per="day", tz="Europe/Berlin"),
            tokeneff.Budget(usd=2, per="hour", by="user", then="shadow"),
            tokeneff.Budget(tokens=200_000, requests=500, per=tokeneff.rolling("10m"), by=("team", "feature")),
            tokeneff.Budget(usd=0.50, per="session"),
            tokeneff.Budget(requests=9, name="all, of|it"),
        ]
    )
    assert claims(budgets, TAGS, NOW) == (
        Claim(
            account="day Europe/Berlin||day 2026-11-21T23:00Z",
            limits=Limits(usd=50 * 10**9),
            start=NOW - 15 * HOUR,
            end=NOW + 9 * HOUR,
            budget="day Europe/Berlin",
            window="2026-11-22",
        ),
        Claim(
            account="hour by user|user=u1|hour 2026-11-22T14:00Z",
            limits=Limits(usd=2 * 10**9),
            enforced=False,
            start=NOW,
            end=NOW + HOUR,
            budget="hour by user",
            scope="user=u1",
            window="2026-11-22T14+00:00",
        ),
        Claim(
            account="10m by team%2Cfeature|team=search,feature=ask|10m",
            limits=Limits(tokens=200_000, requests=500),
            span=600_000_000,
            bucket=10_000_000,
            budget="10m by team,feature",
            scope="team=search,feature=ask",
            window="rolling 10m",
        ),
        Claim(
            account="session by session|session=s9|session",
            limits=Limits(usd=5 * 10**8),
            budget="session by session",
            scope="session=s9",
            window="session",
        ),
        Claim(account="all%2C of%7Cit||total", limits=Limits(requests=9), budget="all, of|it"),
    )


def test_another_window_is_another_account_and_another_instant_of_it_is_not() -> None:
    budgets = [tokeneff.Budget(1, per="hour"), tokeneff.Budget(1)]
    first, later = claims(budgets, {}, NOW), claims(budgets, {}, NOW + HOUR)
    assert claims(budgets, {}, NOW + HOUR - 1) == first
    assert later[0].account == "hour||hour 2026-11-22T15:00Z"
    assert later[1] == first[1]
    assert claims(budgets, {}, NOW - 1)[0].account == "hour||hour 2026-11-22T13:00Z"
    assert claims(budgets, {}, NOW) == first


def test_limits_that_change_are_of_the_same_account() -> None:
    before, after = tokeneff.Budget(1, per="day"), tokeneff.Budget(2, tokens=5, per="day", then="warn")
    assert one(before).account == one(after).account
    assert (one(before).limits, one(after).limits) == (Limits(10**9), Limits(2 * 10**9, 5))


def test_a_window_of_another_kind_is_another_account_under_one_name_too() -> None:
    pers = ("hour", "day", "week", "month", "total", "session", tokeneff.rolling("10m"), tokeneff.rolling("20m"))
    budgets = [tokeneff.Budget(1, per=per, by="session", name="mine") for per in pers]
    budgets.append(tokeneff.Budget(1, per="day", tz="Asia/Tokyo", by="session", name="mine"))
    assert len({claims([budget], TAGS, NOW)[0].account for budget in budgets}) == len(budgets)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("u1", "u1"),
        ("", ""),
        ("Smith (Berlin)", "Smith (Berlin)"),
        ("a@b.example", "a@b.example"),
        ("Käthe 東京", "Käthe 東京"),
        (1, "1"),
        ("1", "1"),
        (True, "True"),
        (1.0, "1.0"),
        (1e300, "1e+300"),
        (NONE, "%28none)"),
        ("%28none)", "%2528none)"),
        ("a,b=c|d", "a%2Cb%3Dc%7Cd"),
        ("{slot}*?[x]\\", "%7Bslot%7D%2A%3F%5Bx%5D%5C"),
        ("a\nb\0\u202e", "a%0Ab%00%E2%80%AE"),
        ("\ud800", "%ED%A0%80"),
        ("~", "%7E"),
        (enum.StrEnum("Team", {"SEARCH": "search"}).SEARCH, "search"),  # type: ignore[attr-defined]
        (enum.IntEnum("Level", {"HIGH": 3}).HIGH, "3"),  # type: ignore[attr-defined]
        ("x" * 64, "x" * 64),
        ("x" * 65, "x" * 32 + "~"),
        ("é,|" * 1000, "é%2C%7C" * 10 + "é%2C~"),
    ],
)
def test_values_by_their_text(value: Any, text: str) -> None:
    found = one(tokeneff.Budget(1, by="key"), key=value).scope
    assert found.startswith("key=")
    head, long, digest = found[4:].partition("~")
    assert head + long == text
    assert len(digest) == (32 if long else 0)


def test_a_number_too_long_to_be_written() -> None:
    assert one(tokeneff.Budget(1, by="key"), key=10**5000).scope.startswith(f"key={hex(10**5000)[:32]}~")


def test_no_tag_is_the_scope_of_none_and_nobody_else_is() -> None:
    budget = tokeneff.Budget(1, by=("user", "team"))
    assert one(budget).scope == "user=(none),team=(none)"
    assert one(budget, user="(none)").scope == "user=%28none),team=(none)"
    assert one(budget, team="").scope == "user=(none),team="
    assert one(budget, colour="red").scope == one(budget).scope


awkward = st.text(st.sampled_from("a1 ,=|%~(){}é\n\ud800") | st.characters(), max_size=80) | st.sampled_from(
    [NONE, "%28none)", "", "a" * 64, "a" * 65, "a" * 66]
)
values = awkward | st.integers() | st.booleans() | st.floats()


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), values), st.dictionaries(st.sampled_from("abc"), values))
def test_scopes_are_the_same_if_and_only_if_the_texts_are(left: dict[str, Any], right: dict[str, Any]) -> None:
    budget = tokeneff.Budget(1, by=("a", "b", "c"))
    same = [{key: str(value) for key, value in tags.items()} for tags in (left, right)]
    assert (one(budget, **left).account == one(budget, **right).account) == (same[0] == same[1])


@given(awkward, awkward)
def test_a_value_is_not_mistaken_for_part_of_the_name(left: str, right: str) -> None:
    two = tokeneff.Budget(1, by=("a", "b"))
    assert one(two, a=left, b=right).scope.count(",") == 1
    assert one(two, a=left, b=right).account.count("|") == 2
    assert (one(two, a=left, b=right) == one(two, a=right, b=left)) == (left == right)


@given(values)
def test_texts_of_accounts_are_short_can_be_encoded_and_read(value: Any) -> None:
    found = quoted(value)
    assert len(found) <= 177
    assert found.encode().decode() == found
    assert not set(found) & {*"|,={}*?[]\\\0\n\r\x1b\x85\xa0\u2028\u202e\u3000"}
    if "~" not in found:
        assert unquote(found, errors="surrogatepass") == str(value)


def test_the_longest_account_is_still_a_short_key() -> None:
    names = ["n" * 60 + str(number) for number in range(8)]
    budget = tokeneff.Budget(1, per="hour", by=names, name="|" * 100)
    found = one(budget, **dict.fromkeys(names, "|" * 10_000))
    assert len(found.account) < 2000


def test_names_of_budgets_are_told_apart_by_their_prefix() -> None:
    day, daily = tokeneff.Budget(1, per="day"), tokeneff.Budget(1, per="day", name="day||")
    assert one(day).account.startswith(prefix("day"))
    assert not one(daily).account.startswith(prefix("day"))
    assert prefix("x" * 100) != prefix("x" * 99 + "y")


def test_accounts_are_named_alike_in_every_process() -> None:
    script = (
        "import tokeneff; from tokeneff.budgets import claims, group\n"
        "b = [tokeneff.Budget(1, per='day', by=('user', 'team')), tokeneff.Budget(1, by=('team', 'user'))]\n"
        f"t = {{'user': 'x' * 100, 'team': 'a,b'}}\nprint([c.account for c in claims(b, t, {NOW})], group(b, t))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_accounts_that_are_claimed_together_are_of_one_group() -> None:
    hour, both = tokeneff.Budget(1, per="hour", by="user"), tokeneff.Budget(1, by=("team", "user", "feature"))
    assert group([], TAGS) == ""
    assert group([hour], TAGS) == group([hour, both], TAGS) == group([both, hour], TAGS) == "user=u1"
    assert group([both], TAGS) == "feature=ask,team=search,user=u1"
    assert group([hour, both, tokeneff.Budget(1, per="day")], TAGS) == ""
    assert group([hour], {}) == "user=(none)"


@given(st.lists(st.sets(st.sampled_from("abcd")), min_size=1, max_size=4), st.integers(0, 2**32))
def test_an_account_is_always_of_the_same_group(bys: list[set[str]], seed: int) -> None:
    budgets = [tokeneff.Budget(1, by=sorted(by), name=str(number)) for number, by in enumerate(bys)]
    chance = random.Random(seed)
    groups: dict[str, str] = {}
    for _ in range(50):
        tags = {key: chance.choice(string.ascii_lowercase[:2]) for key in "abcd" if chance.random() < 0.8}
        for claim in claims(budgets, tags, NOW):
            assert groups.setdefault(claim.account, group(budgets, tags)) == group(budgets, tags)


def test_many_scopes_are_not_all_remembered() -> None:
    budget = tokeneff.Budget(1, per="day", by="user")
    accounts = {one(budget, user=f"u{number}").account for number in range(5000)}
    assert len(accounts) == 5000
    assert len(budget.latest) <= 1000
    assert scope(budget.by, {"user": "u7"}) == "user=u7"
