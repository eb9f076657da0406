"""What spans and metrics say of budgets."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_lab import Lab, series
from telemetry_shapes import ASKED, MODEL, TEXT

import tokeneff
from tokeneff._flow import Call, Effect, Guard, GuardEvent, Outcome, forward
from tokeneff._settings import settings_of
from tokeneff.budgets import _seen
from tokeneff.errors import BudgetExceeded
from tokeneff.stores import Amounts, Balance, Claim, Limits
from tokeneff.telemetry.gauges import bounded

USD = 10**9
SECOND = 1_000_000
NONE = Amounts()
ABOUT = "tokeneff.budget."
EVENTS = (
    GuardEvent("threshold", 1_700_000_000_000_000_000, {"budget": "day", "unit": "usd", "at": 0.8, "spent": 8 * USD}),
    GuardEvent("queued", 1_700_000_000_500_000_000, {"budget": "day", "scope": "", "seconds": 1.5, "resets": None}),
    GuardEvent("refused", 1_700_000_001_000_000_000, {"unit": "tokens", "asked": 700, "limit": 1_000}),
)


@pytest.fixture(autouse=True)
def nothing_noted() -> Iterator[None]:
    _seen.forget()
    yield
    _seen.forget()


def guarded(lab: Lab, guard: Guard | None, error: Exception | None = None, claims: tuple[Any, ...] = ()) -> Any:
    """A wrapped client with a policy that says this of each call, as the policy of budgets does, or refuses it."""

    def policy(call: Call) -> Generator[Effect, Any, Outcome]:
        if claims:
            _seen.noted(*claims)
        if error is not None:
            raise error
        outcome = yield from forward(call)
        return outcome._replace(guard=guard)

    client = lab.client("openai")
    kept = settings_of(client)
    kept.policies = (*kept.policies, policy)
    return client


def ask(client: Any) -> None:
    client.chat.completions.create(model=MODEL, messages=ASKED)


def budget_attributes(lab: Lab) -> dict[str, Any]:
    return {
        key.removeprefix(ABOUT): value
        for key, value in dict(lab.spans[-1].attributes or {}).items()
        if key.startswith(ABOUT)
    }


def told(lab: Lab) -> dict[str, tuple[str, list[tuple[dict[str, Any], float]]]]:
    """Metrics of budgets: unit, and the series with their values."""
    found: dict[str, tuple[str, list[tuple[dict[str, Any], float]]]] = {}
    for name, metric in lab.metrics().items():
        if name.startswith(ABOUT):
            points = [series(point)[:2] for point in metric.data.data_points]
            short = [({key.removeprefix(ABOUT): one for key, one in about.items()}, value) for about, value in points]
            found[name.removeprefix(ABOUT)] = (metric.unit, short)
    return found


def test_a_call_within_its_budgets(lab: Lab) -> None:
    lab.provider.queue(TEXT)
    ask(guarded(lab, Guard("day", "user=u1", "usd", 50 * USD, USD // 2, 1_000, 49 * USD, "", ())))
    assert budget_attributes(lab) == {
        "name": "day",
        "scope": "user=u1",
        "unit": "usd",
        "limit": 50.0,
        "spent": 0.5,
        "held": 0.000001,
        "remaining": 49.0,
    }
    assert all(type(budget_attributes(lab)[key]) is float for key in ("limit", "spent", "held", "remaining"))
    assert lab.span.status.is_unset
    assert "refusals" not in told(lab)


def test_tokens_are_whole_and_events_say_when(lab: Lab) -> None:
    lab.provider.queue(TEXT)
    ask(guarded(lab, Guard("10m", "", "tokens", 1_000, 900, 200, -100, "warn", EVENTS)))
    assert budget_attributes(lab) == {
        "name": "10m",
        "unit": "tokens",
        "limit": 1_000,
        "spent": 900,
        "held": 200,
        "remaining": -100,
        "action": "warn",
    }
    assert [(event.name, event.timestamp, dict(event.attributes or {})) for event in lab.span.events] == [
        (
            ABOUT + "threshold",
            1_700_000_000_000_000_000,
            {ABOUT + "name": "day", ABOUT + "unit": "usd", ABOUT + "at": 0.8, ABOUT + "spent": 8.0},
        ),
        (ABOUT + "queued", 1_700_000_000_500_000_000, {ABOUT + "name": "day", ABOUT + "seconds": 1.5}),
        (
            ABOUT + "refused",
            1_700_000_001_000_000_000,
            {ABOUT + "unit": "tokens", ABOUT + "asked": 700, ABOUT + "limit": 1_000},
        ),
    ]


def test_a_refused_call_is_a_failed_span(lab: Lab) -> None:
    error = BudgetExceeded("no more", budget="day", unit="usd", limit=USD, spent=USD, asked=5)
    error.guard = Guard("day", "", "usd", USD, USD, 0, 0, "block", ())
    client = guarded(lab, None, error)
    for _ in range(3):
        with pytest.raises(BudgetExceeded, match="no more"):
            ask(client)
    about = dict(lab.spans[-1].attributes or {})
    assert about["error.type"] == "tokeneff.errors.BudgetExceeded"
    assert about["tokeneff.ending"] == "refused"
    assert (lab.spans[-1].status.is_ok, lab.spans[-1].status.description) == (False, "no more")
    assert budget_attributes(lab)["action"] == "block"
    refusals = told(lab)["refusals"]
    assert refusals == ("{call}", [({"name": "day", "unit": "usd", "action": "block"}, 3)])
    assert "tokeneff.client.unpriced_calls" not in lab.metrics()  # nothing was answered


def test_of_several_budgets_the_one_that_refused_is_counted(lab: Lab) -> None:
    """Through the front door: one budget is nearly spent, and another one has no room."""
    lab.provider.default = TEXT
    tight = tokeneff.Budget(usd=10, per="day", name="tight", on_unknown_price="allow")
    two = tokeneff.Budget(requests=2, per="hour", by="user", name="two calls")
    watched = tokeneff.Budget(requests=1, per="total", then="shadow", name="watched")
    client = lab.client("openai", budget=[tight, two, watched], store="memory://seen")
    with tokeneff.tag(user="u1"):
        ask(client)
        ask(client)
        for _ in range(2):
            with pytest.raises(BudgetExceeded):
                ask(client)
    with tokeneff.tag(user="u2"):
        ask(client)
    first, second, refused, _, third = ({**(span.attributes or {})} for span in lab.spans)
    assert (first[ABOUT + "name"], ABOUT + "action" in first) == ("watched", False)
    assert (second[ABOUT + "action"], third[ABOUT + "action"]) == ("shadow", "shadow")
    assert (refused[ABOUT + "action"], refused["error.type"]) == ("block", "tokeneff.errors.BudgetExceeded")
    assert [event.name for event in lab.spans[2].events if event.name == ABOUT + "refused"]
    metrics = told(lab)
    counts = {(about["name"], about["action"]): value for about, value in metrics["refusals"][1]}
    assert counts == {
        ("tight", "block"): 0,
        ("two calls", "block"): 2,
        ("watched", "block"): 0,
        ("watched", "shadow"): 2,
    }
    spent = {(about["name"], about.get("scope")): value for about, value in metrics["spent"][1]}
    assert spent == {
        ("tight", None): 0.0,
        ("two calls", "user=u1"): 2,
        ("two calls", "user=u2"): 1,
        ("watched", None): 3,
    }
    assert {value for _, value in metrics["held"][1]} == {0}


def test_a_call_that_no_store_answered_for(lab: Lab) -> None:
    lab.provider.queue(TEXT)
    ask(guarded(lab, Guard(action="open", events=(GuardEvent("store_unavailable", 1, {"store": "redis://x"}),))))
    assert budget_attributes(lab) == {"action": "open"}
    assert [dict(event.attributes or {}) for event in lab.span.events] == [{ABOUT + "store": "redis://x"}]
    assert told(lab)["refusals"] == ("{call}", [({"action": "open"}, 1)])


def test_a_call_without_budgets_says_nothing_and_loads_nothing(lab: Lab) -> None:
    lab.provider.queue(TEXT)
    ask(lab.client("openai"))
    assert budget_attributes(lab) == {}
    assert told(lab) == {}
    script = (
        "import sys, openai, tokeneff\nfrom opentelemetry.sdk.metrics import MeterProvider\n"
        "from opentelemetry.sdk.metrics.export import InMemoryMetricReader\n"
        "from tokeneff.testing import FakeProvider\n"
        "with FakeProvider() as provider:\n"
        "    meters = MeterProvider([InMemoryMetricReader()])\n"
        "    bare = openai.OpenAI(base_url=provider.openai_url, api_key='k')\n"
        "    client = tokeneff.wrap(bare, meter_provider=meters)\n"
        "    client.chat.completions.create(model='m', messages=[])\n"
        "print([name for name in sys.modules if name == 'tokeneff.telemetry.gauges'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=180, check=True)
    assert done.stdout.split() == ["[]"]


def balance(limits: Limits, spent: Amounts = NONE, held: Amounts = NONE) -> Balance:
    return Balance("account", spent, held, limits)


def noted(claim: Claim, spent: Amounts = NONE, held: Amounts = NONE) -> None:
    _seen.noted([claim], [balance(claim.limits, spent, held)])


def test_gauges(lab: Lab) -> None:
    lab.provider.queue(TEXT)
    day = Claim("day|1", Limits(usd=50 * USD), budget="day")
    user = Claim("hour|u1", Limits(None, 1_000, 5), budget="hour by user", scope="user=u1")
    balances = [
        balance(day.limits, Amounts(USD // 4, 10, 1), Amounts(USD // 4, 5, 1)),
        balance(user.limits, Amounts(9, 900, 3), Amounts(1, 200, 1)),
    ]
    ask(guarded(lab, Guard("day", "", "usd"), claims=([day, user], balances)))
    usd = {"name": "day", "unit": "usd"}
    tokens = {"name": "hour by user", "scope": "user=u1", "unit": "tokens"}
    requests = {**tokens, "unit": "requests"}
    assert told(lab) == {
        "spent": ("", [(tokens, 900), (requests, 3), (usd, 0.25)]),
        "held": ("", [(tokens, 200), (requests, 1), (usd, 0.25)]),
        "remaining": ("", [(tokens, -100), (requests, 1), (usd, 49.5)]),
        "limit": ("", [(tokens, 1_000), (requests, 5), (usd, 50.0)]),
        "refusals": (
            "{call}",
            [
                ({"name": "hour by user", "unit": "tokens", "action": "block"}, 0),
                ({"name": "hour by user", "unit": "requests", "action": "block"}, 0),
                ({"name": "day", "unit": "usd", "action": "block"}, 0),
            ],
        ),
    }


def seen(now: float | None = None) -> list[tuple[str, str, int]]:
    return [(one.budget, one.scope, one.spent) for one in _seen.balances(now)]


def test_of_an_accounts_windows_the_newest_is_seen_until_it_is_over() -> None:
    noon = 1_763_812_800
    first = Claim("d|1", Limits(usd=USD), True, (noon - 9) * SECOND, noon * SECOND, budget="d")
    second = first._replace(account="d|2", start=noon * SECOND, end=(noon + 9) * SECOND)
    noted(first, Amounts(1))
    assert seen(noon - 1) == [("d", "", 1)]
    assert seen(noon) == []  # what the next one has spent nobody knows yet
    noted(second, Amounts(2))
    noted(first, Amounts(3))  # a call that began before noon ends
    assert seen(noon + 1) == [("d", "", 2)]
    assert seen(noon + 9) == []


def test_of_a_rolling_account_what_is_old_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000.0)
    noted(Claim("r", Limits(requests=9), span=600 * SECOND, bucket=10 * SECOND, budget="r"), Amounts(0, 0, 4))
    noted(Claim("t", Limits(requests=9), budget="t"), Amounts(0, 0, 5))
    assert seen(1_609.0) == [("t", "", 5), ("r", "", 4)]
    assert seen(1_610.0) == seen(10**9) == [("t", "", 5)]


@given(st.lists(st.tuples(st.integers(0, 299), st.integers(0, 99)), max_size=600))
@settings(max_examples=20, deadline=None)
def test_the_newest_accounts_have_a_scope_and_the_rest_is_summed(calls: list[tuple[int, int]]) -> None:
    _seen.forget()
    limits = Limits(None, 100, None)
    latest: dict[str, int] = {}
    for number, spent in calls:
        scope = f"user=u{number}"
        noted(Claim(f"b|{scope}", limits, budget="b", scope=scope), Amounts(0, spent, 0), Amounts(0, 1, 0))
        latest.pop(scope, None)
        latest[scope] = spent
    newest = list(reversed(latest.items()))
    found = bounded(_seen.balances())
    kept, rest = newest[:200], newest[200:]
    expected = [("b", scope, "tokens", 100, spent, 1) for scope, spent in kept]
    if rest:
        count = len(rest)
        expected.append(("b", "", "tokens", 100 * count, sum(spent for _, spent in rest), count))
    assert [tuple(one) for one in found] == expected
    assert sum(one.remaining for one in found) == sum(99 - spent for spent in latest.values())


def test_what_is_remembered_is_bounded_also_under_threads() -> None:
    def work(part: int) -> None:
        for number in range(1_000):
            scope = f"user=u{part}-{number}"
            noted(Claim(scope, Limits(usd=USD), budget="b", scope=scope))

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_seen.balances()) == _seen.MOST
    assert len(bounded(_seen.balances())) == 201


def test_lost_cache_tokens_are_counted_by_cause(lab: Lab) -> None:
    from tokeneff.accounts import Account, Prefix

    def policy(call: Call) -> Generator[Effect, Any, Outcome]:
        outcome = yield from forward(call)
        return outcome._replace(account=Account(prefix=Prefix(10, "system_changed", lost=400)))

    client = lab.client("openai")
    kept = settings_of(client)
    kept.policies = (kept.policies[0], policy)
    for _ in range(2):
        lab.provider.queue(TEXT)
        ask(client)
    [(about, value, _)] = lab.sums("tokeneff.client.lost_tokens")
    assert (about["tokeneff.prefix.cause"], about["gen_ai.request.model"], value) == ("system_changed", MODEL, 800)
    assert [value for _, value, _ in lab.sums("tokeneff.client.unpriced_calls")] == [2]


def test_every_event_and_attribute_of_budgets_has_the_prefix() -> None:
    from tokeneff.telemetry import names

    ours = {name: value for name, value in vars(names).items() if name.startswith("BUDGET")}
    assert ours
    assert all(value.startswith(names.BUDGET_PREFIX) for value in ours.values())
    assert tokeneff.BudgetExceeded is BudgetExceeded
