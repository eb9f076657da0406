"""`tokeneff budget`: where budgets stand, and changing it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tokeneff.stores
from tokeneff.errors import StoreUnavailable
from tokeneff.stores import Amounts, Claim, Limits, Store
from tokeneff.stores.memory import MemoryStore

if TYPE_CHECKING:
    from .conftest import Run

SECOND = 1_000_000
HOUR = 3600 * SECOND
NOW = 1_763_820_000 * SECOND  # 22 Nov 2025, 14:00 UTC
USD = 10**9
URL = "redis://budgets.example/0"

DAY = Claim(
    "day|day 2025-11-22", Limits(usd=50 * USD), True, NOW - 14 * HOUR, NOW + 10 * HOUR, 0, 0, "day", "", "2025-11-22"
)


def user(name: str, window: int = 0) -> Claim:
    """One of a budget's accounts, in the present hour or one that many hours before."""
    start = NOW - window * HOUR
    limits = Limits(2 * USD, 200_000, None)
    account = f"hour by user|user={name}|hour {start // HOUR}"
    return Claim(
        account, limits, True, start, start + HOUR, 0, 0, "hour by user", f"user={name}", f"hour {14 - window}"
    )


ROLLING = Claim(
    "10m by team,feature|team=a,feature=s%2Ct|10m",
    Limits(requests=500),
    span=600 * SECOND,
    bucket=10 * SECOND,
    budget="10m by team,feature",
    scope="team=a,feature=s%2Ct",
    window="rolling 10m",
)
TOTAL = Claim("total|total", Limits(usd=9 * USD), budget="total")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """A store under a URL of its own, in which calls were made and one is on its way."""
    kept = MemoryStore(URL)
    kept.clock = clock

    def open_store(url: str) -> MemoryStore:
        assert url in (URL, f"{URL}?prefix=x")
        return kept

    monkeypatch.setattr(tokeneff.stores, "open_store", open_store)
    monkeypatch.setenv("TOKENEFF_STORE", URL)
    clock.now = NOW - HOUR
    spend(kept, "old", Amounts(USD, 7, 1), user("u1", 1))
    clock.now = NOW
    spend(kept, "c1", Amounts(USD * 3 // 2, 150_000, 1), DAY, user("u1"), ROLLING)
    spend(kept, "c2", Amounts(1_000, 12, 1), DAY, user("u2"), TOTAL)
    kept.reserve("c3", Amounts(USD // 10, 2_000, 1), [DAY, user("u1")], 60 * SECOND)
    clock.now = NOW + 20 * SECOND
    return kept


def spend(store: Store, hold: str, amounts: Amounts, *claims: Claim) -> None:
    store.reserve(hold, amounts, claims, 60 * SECOND)
    store.settle(hold, amounts, claims)


def lines(text: str) -> list[list[str]]:
    """A table's cells, where two spaces or more stand between them."""
    return [[cell for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def stripped(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line] for line in lines(text)]


def test_show(run: Run, store: MemoryStore) -> None:
    ran = run("budget", "show")
    assert (ran.code, ran.err) == (0, "")
    assert stripped(ran.out) == [
        ["budget", "scope", "used", "spent", "held", "left", "limit", "resets"],
        [
            "10m by team,feature",
            "team=a,feature=s%2Ct",
            LITTLE,
            "0.2 %",
            "1",
            "0",
            "499",
            "500 requests",
            "rolling 10m",
        ],
        ["day", FEW, "3.2 %", "$1.50", "$0.1000", "$48.40", "$50.00", LATER],
        [
            "hour by user",
            "user=u1",
            "█████████▒░░",
            "80 %",
            "$1.50",
            "$0.1000",
            "$0.4000",
            "$2.00",
            THEN,
        ],
        ["█████████▒░░", "76 %", "150,000", "2,000", "48,000", "200,000 tokens"],
        ["hour by user", "user=u2", LITTLE, "<0.1 %", "$0.000001", "$0", "$2.00", "$2.00", THEN],
        [LITTLE, "<0.1 %", "12", "0", "199,988", "200,000 tokens"],
        ["total", LITTLE, "<0.1 %", "$0.000001", "$0", "$9.00", "$9.00", "never"],
    ]


LITTLE, FEW = "█░░░░░░░░░░░", "█▒░░░░░░░░░░"
THEN, LATER = "in 59 min (15:00 UTC)", "in 9 h 59 min (00:00 UTC)"


def test_show_all_tells_windows(run: Run, store: MemoryStore) -> None:
    told = stripped(run("budget", "show", "hour by user", "--all").out)
    assert [(line[1], line[2], line[-1]) for line in told if line[0] in ("budget", "hour by user")] == [
        ("scope", "window", "resets"),
        ("user=u1", "hour 13", "is over"),
        ("user=u1", "hour 14", THEN),
        ("user=u2", "hour 14", THEN),
    ]


def accounts(ran: Any) -> list[str]:
    return [account["account"] for account in ran.json["accounts"]]


def test_show_as_json(run: Run, store: MemoryStore) -> None:
    ran = run("budget", "show", "hour by user", "--scope", "user=u1", "--json", "--store", URL)
    [account] = ran.json["accounts"]
    used = account.pop("used")
    assert used == "2025-11-22T14:00:00Z"
    assert account == {
        "account": user("u1").account,
        "budget": "hour by user",
        "scope": "user=u1",
        "window": "hour 14",
        "start": "2025-11-22T14:00:00Z",
        "resets": "2025-11-22T15:00:00Z",
        "over": False,
        "units": {
            "usd": {
                "limit": 2 * USD,
                "topped_up": 0,
                "spent": USD * 3 // 2,
                "held": USD // 10,
                "left": USD * 4 // 10,
            },
            "tokens": {"limit": 200_000, "topped_up": 0, "spent": 150_000, "held": 2_000, "left": 48_000},
            "requests": {"limit": None, "topped_up": 0, "spent": 1, "held": 1, "left": None},
        },
    }


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        ([], [ROLLING, DAY, user("u1"), user("u2"), TOTAL]),
        (["--all"], [ROLLING, DAY, user("u1", 1), user("u1"), user("u2"), TOTAL]),
        (["day"], [DAY]),
        ([DAY.account], [DAY]),
        (["--scope", "user=u2"], [user("u2")]),
        (["--scope", "feature=s,team=a"], []),
        (["--scope", "team=a"], [ROLLING]),
        (["--scope", "feature=s%2Ct,team=a"], [ROLLING]),
    ],
)
def test_show_only_some(run: Run, store: MemoryStore, argv: list[str], found: list[Claim]) -> None:
    assert accounts(run("budget", "show", *argv, "--json")) == [claim.account for claim in found]


def test_show_for_nobody(run: Run, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("budget", "show", "--scope", "user=nobody").out == "no account has the scope user=nobody\n"
    ran = run("budget", "show", "week")
    assert (ran.code, ran.out) == (2, "")
    assert f"there is no account 'week'; there are:\n  {ROLLING.account}\n  {DAY.account}\n" in ran.err
    monkeypatch.setattr(tokeneff.stores, "open_store", lambda url: MemoryStore(url))
    ran = run("budget", "show")
    assert (ran.code, ran.out) == (0, f"nothing was spent in {URL} yet\n")


def test_narrow_and_ascii_show(run: Run, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from tokeneff.cli._budget_tables import states_table

    told = io.StringIO()
    table = states_table(store.states(), NOW, plain=True)
    Console(file=told, width=60).print(table)
    assert max(map(len, told.getvalue().splitlines())) <= 60
    told = io.StringIO()
    Console(file=told, width=200).print(table)
    assert "#########+.." in told.getvalue()
    assert told.getvalue().isascii()


def test_top_up(run: Run, store: MemoryStore) -> None:
    ran = run("budget", "top-up", "hour by user", "--scope", "user=u1", "--usd", "5.25", "--tokens", "1_000")
    said = "+$5.25, +1,000 tokens; $5.65 of $7.25 left, 49,000 of 201,000 tokens left"
    assert (ran.code, ran.out, ran.err) == (0, f"{user('u1').account}: {said}\n", "")
    ran = run("budget", "top-up", user("u1").account, "--usd", "-0.25", "--json")
    assert ran.json["units"]["usd"] == {
        "limit": 7 * USD,
        "topped_up": 5 * USD,
        "spent": USD * 3 // 2,
        "held": USD // 10,
        "left": USD * 54 // 10,
    }
    assert store.reserve("c4", Amounts(5 * USD), [user("u1")], SECOND).balances[0].limits.usd == 7 * USD


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["top-up", "hour by user", "--usd", "5"], "'hour by user' is one of 2 accounts; say which (--scope, or the"),
        (["top-up", "hour by user", "--usd", "5"], f"\n  {user('u1').account}\n  {user('u2').account}\n"),
        (["top-up", "hour by user", "--scope", "user=u3", "--usd", "5"], "'hour by user' with scope 'user=u3'; there"),
        (["top-up", "day", "--tokens", "5"], "has no limit in tokens, so there is nothing to add to"),
        (["top-up", "day"], "say how much: --usd 5"),
        (["top-up", "day", "--usd", "much"], "--usd='much' is no number"),
        (["top-up", "day", "--usd", "0.0000000001"], "finer than a nano-dollar"),
        (["top-up", "day", "--tokens", "x"], "'x' is not a whole number"),
        (["top-up", "day", "--scope", "u1", "--usd", "1"], "--scope is not 'u1': write tags and their values"),
        (["reset", "day"], "has spent $1.50, 150,012 tokens, 2 requests; where nobody can be asked, write --yes"),
        (["reset", "hour by user", "--yes"], "is one of 2 accounts"),
        (["journal", "-n", "0"], "-n is not 0"),
        (["journal", "--scope", "user=u1"], "name that as well, as --account day"),
        (["journal", "--account", "nonsense"], "there is no account 'nonsense'; there are:"),
        (["show", "--store", "memory://"], "budgets in memory:// are in the process that spends them"),
        ([], "ACTION"),
    ],
)
def test_what_cannot_be_done(
    run: Run, store: MemoryStore, argv: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    before = (store.states(), store.journal())
    ran = run("budget", *argv)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert (store.states(), store.journal()) == before


def test_a_scope_that_another_contains(run: Run, store: MemoryStore) -> None:
    both, one = "user=u1,feature=s", "user=u1"
    for scope in (both, one):
        spend(store, scope, Amounts(USD), Claim(f"b|{scope}|total", Limits(usd=9 * USD), budget="b", scope=scope))
    assert run("budget", "reset", "b", "--scope", "user=u1", "--yes").out.startswith(f"b|{one}|total:")
    assert run("budget", "reset", "b", "--scope", "feature=s,user=u1", "--yes").out.startswith(f"b|{both}|total:")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("yes\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_reset_asks(run: Run, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, answer: str, code: int) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    ran = run("budget", "reset", "day")
    assert ran.code == code
    asked, _, rest = ran.err.partition("\n")
    assert asked == f"{DAY.account} has spent $1.50, 150,012 tokens, 2 requests. Begin at 0 again? [y/N]"
    if code:
        assert (ran.out, rest) == ("", "nothing was done\n")
        return
    forgotten = "$1.50, 150,012 tokens, 2 requests forgotten"
    assert (ran.out, rest) == (f"{DAY.account}: {forgotten}; $49.90 of $50.00 left\n", "")


def test_reset_without_asking(run: Run, store: MemoryStore) -> None:
    ran = run("budget", "reset", "hour by user", "--scope", "user=u1", "--yes", "--json")
    assert (ran.code, ran.json["account"]) == (0, user("u1").account)
    assert {unit: (sums["spent"], sums["held"]) for unit, sums in ran.json["units"].items()} == {
        "usd": (0, USD // 10),
        "tokens": (0, 2_000),
        "requests": (0, 1),
    }


def test_holds(run: Run, store: MemoryStore) -> None:
    ran = run("budget", "holds")
    assert (ran.code, ran.err) == (0, "")
    assert stripped(ran.out) == [
        ["hold", "age", "lease left", "held", "accounts"],
        ["c3", "20 s", "40 s", "$0.1000", DAY.account],
        ["2,000 tokens", user("u1").account],
        ["1 request"],
    ]
    assert run("budget", "holds", "--json").json == {
        "store": URL,
        "holds": [
            {
                "id": "c3",
                "accounts": [DAY.account, user("u1").account],
                "amounts": {"usd": USD // 10, "tokens": 2_000, "requests": 1},
                "floor": {"usd": 0, "tokens": 0, "requests": 0},
                "since": "2025-11-22T14:00:00Z",
                "expires": "2025-11-22T14:01:00Z",
            }
        ],
    }
    store.settle("c3", Amounts(), [])
    assert run("budget", "holds").out == "nothing is held\n"


def test_journal(run: Run, store: MemoryStore) -> None:
    run("budget", "top-up", "day", "--usd", "5")
    ran = run("budget", "journal", "-n", "3")
    assert (ran.code, ran.err) == (0, "")
    assert stripped(ran.out) == [
        ["at (UTC)", "step", "hold", "held", "spent", "accounts"],
        ["2025-11-22 14:00:00", "settle", "c2", "−$0.000001", "+$0.000001", DAY.account],
        ["−12 tokens", "+12 tokens", user("u2").account],
        ["−1 request", "+1 request", TOTAL.account],
        ["2025-11-22 14:00:00", "reserve", "c3", "+$0.1000", DAY.account],
        ["+2,000 tokens", user("u1").account],
        ["+1 request"],
        ["2025-11-22 14:00:20", "top-up", DAY.account],
        ["(usd +5000000000)"],
    ]


def test_journal_as_json(run: Run, store: MemoryStore) -> None:
    entries = run("budget", "journal", "--json").json["entries"]
    assert [(entry["step"], entry["hold"]) for entry in entries] == [
        ("reserve", "old"),
        ("settle", "old"),
        ("reserve", "c1"),
        ("settle", "c1"),
        ("reserve", "c2"),
        ("settle", "c2"),
        ("reserve", "c3"),
    ]
    assert entries[-1] == {
        "seq": entries[-1]["seq"],
        "at": "2025-11-22T14:00:00Z",
        "step": "reserve",
        "hold": "c3",
        "accounts": [DAY.account, user("u1").account],
        "held": {"usd": USD // 10, "tokens": 2_000, "requests": 1},
        "spent": {"usd": 0, "tokens": 0, "requests": 0},
        "note": "",
    }


@pytest.mark.parametrize("argv", [["--account", "total"], ["--account", TOTAL.account]])
def test_journal_of_one_account(run: Run, store: MemoryStore, argv: list[str]) -> None:
    entries = run("budget", "journal", *argv, "--json").json["entries"]
    assert [(entry["step"], entry["hold"]) for entry in entries] == [("reserve", "c2"), ("settle", "c2")]


def test_no_store_is_named(run: Run) -> None:
    ran = run("budget", "show")
    assert (ran.code, ran.out) == (2, "")
    assert "--store sqlite:///budgets.db, or TOKENEFF_STORE" in ran.err


def test_no_file_is_made(run: Run, tmp_path: Path) -> None:
    ran = run("budget", "show", "--store", f"sqlite:///{tmp_path}/none.db")
    assert (ran.code, ran.out, ran.err) == (2, "", f"tokeneff budget: there is no file {tmp_path}/none.db\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["postgres://x", "nonsense"])
def test_what_is_no_store(run: Run, url: str) -> None:
    ran = run("budget", "show", "--store", url)
    assert (ran.code, ran.out) == (2, "")
    assert "redis://host:6379/0" in ran.err


def test_a_store_that_is_away(run: Run, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*arguments: Any) -> Any:
        raise StoreUnavailable("connection refused")

    monkeypatch.setattr(store, "now", away)
    ran = run("budget", "show")
    assert (ran.code, ran.out, ran.err) == (
        2,
        "",
        "tokeneff budget: the store cannot be asked: connection refused\n",
    )


def test_every_action_takes_a_store_and_json(run: Run) -> None:
    for action in ("show", "top-up", "reset", "holds", "journal"):
        ran = run("budget", action, "--help")
        assert ran.code == 0
        assert "--store URL" in ran.out
        assert "--json" in ran.out


@pytest.mark.parametrize("url", [f"{URL}?lease=30s", f"{URL}?lease=30s&prefix=x", f"{URL}?prefix=x&lease=1s"])
def test_an_option_of_clients_in_the_url(run: Run, store: MemoryStore, url: str) -> None:
    assert run("budget", "show", "--store", url).code == 0


def test_a_file_of_sqlite(run: Run, tmp_path: Path) -> None:
    from tokeneff.stores.sqlite import SqliteStore

    url = f"sqlite:///{tmp_path}/budgets.db"
    kept = SqliteStore(url)
    spend(kept, "c1", Amounts(USD, 10, 1), TOTAL)
    assert (
        run("budget", "top-up", "total", "--usd", "1", "--store", url).out
        == "total|total: +$1.00; $9.00 of $10.00 left\n"
    )
    assert run("budget", "reset", "total", "--yes", "--store", url).code == 0
    assert [entry["step"] for entry in run("budget", "journal", "--store", url, "--json").json["entries"]] == [
        "reserve",
        "settle",
        "top-up",
        "reset",
    ]
    [account] = run("budget", "show", "--store", url, "--json").json["accounts"]
    assert account["units"]["usd"] == {"limit": 10 * USD, "topped_up": USD, "spent": 0, "held": 0, "left": 10 * USD}
    kept.close()
