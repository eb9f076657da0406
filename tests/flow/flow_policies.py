"""Policies, stores and wires made up for the tests of how a call travels."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

from tokeneff._drive import Sent
from tokeneff._flow import Call, Effect, Ending, Failure, Outcome, Policy, Run, Wait, do, forward
from tokeneff.adapters import Endpoint
from tokeneff.adapters._hosts import Site
from tokeneff.budgets import Budget
from tokeneff.budgets._holding import Place
from tokeneff.budgets._policy import Guards
from tokeneff.errors import TokeneffError
from tokeneff.prices import Prices
from tokeneff.stores.memory import MemoryStore

ENDINGS: tuple[Ending, ...] = ("read", "broken_off", "dropped", "cancelled", "failed")
"""How a call ends that was sent. The first and the last two can also end it before there is anything to read."""


class Refused(TokeneffError):
    """What a policy raises that the user asked to refuse calls."""


class Fault(Exception):
    """What a policy raises that is broken."""


def a_call(**fields: Any) -> Call:
    """A call of no SDK."""
    options = SimpleNamespace(json_data={"model": "m"}, extra_json=None, method="post", url="/x", headers={})
    known: dict[str, Any] = dict.fromkeys(Call._fields) | {"options": options, "stream": False, "tags": {}}
    return Call(**(known | fields))


class Store:
    """A store of reservations that notices a second settlement, and one of what was never reserved."""

    def __init__(self) -> None:
        self.reserved: dict[str, int] = {}
        self.settled: dict[str, list[Any]] = {}

    def reserve(self, name: str) -> str:
        self.reserved[name] = self.reserved.get(name, 0) + 1
        return name

    def settle(self, name: str, value: Any) -> None:
        self.settled.setdefault(name, []).append(value)

    def assert_even(self) -> None:
        assert {name: len(values) for name, values in self.settled.items()} == self.reserved


def reserving(store: Store, name: str, seen: list[Any] | None = None) -> Policy:
    """The pattern of every policy that counts: reserve, forward, settle."""

    def policy(call: Call) -> Generator[Effect, Any, Outcome]:
        yield from do(store.reserve, name)
        outcome = yield from forward(call)
        yield from do(store.settle, name, outcome.ending)
        if seen is not None:
            seen.append((name, outcome))
        return outcome

    return policy


def passing(call: Call) -> Generator[Effect, Any, Outcome]:
    """Does nothing."""
    return (yield from forward(call))


def refusing(call: Call) -> Generator[Effect, Any, Outcome]:
    """Refuses before the call is sent."""
    raise Refused("no")
    yield  # pyright: ignore[reportUnreachable]


def refusing_after(call: Call) -> Generator[Effect, Any, Outcome]:
    """Refuses when the call is over."""
    yield from forward(call)
    raise Refused("too dear")


def faulty_before(call: Call) -> Generator[Effect, Any, Outcome]:
    """Breaks before it passes the call on."""
    raise Fault("before")
    yield  # pyright: ignore[reportUnreachable]


def faulty_after(call: Call) -> Generator[Effect, Any, Outcome]:
    """Breaks when the call is over."""
    yield from forward(call)
    raise Fault("after")


def store_fails(call: Call) -> Generator[Effect, Any, Outcome]:
    """Does not mind that its store fails before, and minds that it fails after."""

    def fail() -> None:
        raise Fault("store")

    try:
        yield from do(fail)
    except Fault:
        outcome = yield from forward(call)
        yield from do(fail)
        return outcome
    raise AssertionError("the store's failure was not thrown in")


def waiting(call: Call) -> Generator[Effect, Any, Outcome]:
    """Waits for a future that is done."""
    future: Future[str] = Future()
    future.set_result("here")
    assert (yield Wait(future, 1.0)) == "here"
    return (yield from forward(call))


def waiting_in_vain(call: Call) -> Generator[Effect, Any, Outcome]:
    """Waits for a future that nobody will set, and goes on alone."""
    try:
        yield Wait(Future(), 0.001)
    except TimeoutError:
        return (yield from forward(call))
    raise AssertionError("nothing timed out")


def again_when_failed(call: Call) -> Generator[Effect, Any, Outcome]:
    """Falls back once."""
    outcome = yield from forward(call)
    if outcome.ending == "failed":
        outcome = yield from forward(call)
    return outcome


PRICES = Prices()
MODEL_CALL = {
    "client": object(),
    "endpoint": Endpoint("chat", cast("Any", None), dict, model=True, dialect="chat"),
    "family": SimpleNamespace(site=lambda client: Site("openai", "api.openai.com", 443, "api.openai.com")),
    "options": SimpleNamespace(
        json_data={"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 10},
        extra_json=None,
    ),
}


def budgeted(store: Store, name: str) -> Policy:
    """The policy of budgets, with room for all."""
    memory = MemoryStore()
    guards = Guards(Place(memory, (Budget(tokens=1_000_000),)), PRICES)

    def policy(call: Call) -> Generator[Effect, Any, Outcome]:
        known = len(memory.journal())
        outcome = yield from guards.policy(call.with_(**MODEL_CALL))
        steps = [entry.step for entry in memory.journal()[known:]]
        if steps != ["reserve", "settle"] or memory.holds():
            store.settle(name, f"not even: {steps}")
        return outcome

    return policy


class Reply:
    """A reply that is still coming."""

    def __init__(self) -> None:
        self.run: Run | None = None

    def arm(self, run: Run) -> None:
        self.run = run


class Wire:
    """Answers calls as it is scripted: one ending for each sending, or ``"live"`` for a reply still coming."""

    def __init__(self, *endings: str) -> None:
        self.endings = list(endings)
        self.calls: list[Call] = []
        self.error: BaseException | None = None
        self.live: Reply | None = None

    def send(self, call: Call) -> Sent:
        self.calls.append(call)
        ending = self.endings.pop(0) if len(self.endings) > 1 else self.endings[0]
        if ending == "live":
            self.live = Reply()
            return Sent(self.live, arm=self.live.arm)
        if ending == "read":
            return Sent("the reply", outcome=over("read"))
        self.error = KeyboardInterrupt() if ending == "cancelled" else ValueError("the provider's own error")
        return Sent(error=self.error, outcome=over(ending))

    async def asend(self, call: Call) -> Sent:
        return self.send(call)


def over(ending: Any) -> Outcome:
    failure = Failure("builtins.ValueError", "bad") if ending in ("failed", "cancelled") else None
    return Outcome(ending, 1.0, 2.0, failure=failure)


Make = Callable[[Store, str], Policy]
KINDS: dict[str, Make] = {
    "reserving": reserving,
    "passing": lambda store, name: passing,
    "refusing": lambda store, name: refusing,
    "refusing_after": lambda store, name: refusing_after,
    "faulty_before": lambda store, name: faulty_before,
    "faulty_after": lambda store, name: faulty_after,
    "store_fails": lambda store, name: store_fails,
    "waiting": lambda store, name: waiting,
    "waiting_in_vain": lambda store, name: waiting_in_vain,
    "budgeted": budgeted,
    "again_when_failed": lambda store, name: again_when_failed,
}
