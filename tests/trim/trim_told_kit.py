"""A provider that has a prompt cache, as the simulator says its kind has, and counts more tokens than we do."""

from __future__ import annotations

import inspect
import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

import tokeneff
from tokeneff.ledger import CallRecord, Ledger, read
from tokeneff.prices import Prices
from tokeneff.promptcache import Split, State, pieces_of, rule_of, serve
from tokeneff.testing import Reply, Usage, faults
from tokeneff.tokens import Counter, counter

SCALE = 5, 4
"""Tokens by the provider's count for so many of ours."""
GPT = "gpt-4.1-mini"
ROWS = [{"id": f"item-{n}", "name": f"thing number {n}", "price": n * 1.5} for n in range(60)]


class Caching:
    """What :class:`FakeProvider` is to answer with."""

    def __init__(self) -> None:
        self.counter = Counter()
        for each in (self.counter, counter()):  # a count of another vocabulary is another count
            assert each.await_vocabulary(GPT, 60.0)
            assert each.await_vocabulary("claude-opus-5", 60.0)
        self.state = State()
        self.cost: list[int] = []
        """Nano-dollars of the input of each request, at list prices."""
        self.prices = Prices()
        self.fails = 0
        """Requests that are answered with an error."""
        self._failed = -1

    def __call__(self, request: Any) -> Reply | faults.Fault:
        if request.number == self._failed:  # asked once more, for what the error takes the place of
            return Reply(text="lost")
        if self.fails:
            self.fails, self._failed = self.fails - 1, request.number
            return faults.server_error()
        body = request.json
        split = self.split(body)
        return Reply(
            text="Fine.",
            model=body["model"],
            usage=Usage(input_tokens=split.total, output_tokens=5, cache_read=split.read, cache_write=split.written),
        )

    def split(self, body: Any) -> Split:
        """What the cache makes of a request."""
        dialect, provider = ("messages", "anthropic") if "max_tokens" in body else ("chat", "openai")
        prompt = self.counter.prompt(dialect, body, body["model"])
        up, down = SCALE
        pieces = pieces_of(prompt, dialect, body, prompt.tokens * up // down)
        split, self.state = serve(rule_of(body["model"], provider), self.state, pieces, time.time())
        rates = self.prices.rates(body["model"], provider)
        assert rates is not None
        self.cost.append(split.dollars(rates))
        return split


def chat(turns: int, about: str = "a shop", *, rows: int = 60) -> dict[str, Any]:
    """A request in which a tool was called so many times."""
    messages: list[Any] = [
        {"role": "system", "content": f"You keep {about}."},
        {"role": "user", "content": "What is there?"},
    ]
    for turn in range(turns):
        call = {"id": f"c{turn}", "type": "function", "function": {"name": "list", "arguments": f'{{"page": {turn}}}'}}
        text = json.dumps(ROWS[:rows], indent=4).replace("item", f"item{turn}")
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{turn}", "content": text})
    return {"model": GPT, "messages": messages}


async def done(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def asked(client: Any, bodies: Sequence[dict[str, Any]], stream: bool = False) -> None:
    """Send requests one after another, and read the replies."""
    for body in bodies:
        create = client.messages.create if "max_tokens" in body else client.chat.completions.create
        reply = await done(create(**body, stream=True) if stream else create(**body))
        if stream and hasattr(reply, "__aiter__"):
            async for _ in reply:
                pass
        elif stream:
            list(reply)


def trim(**more: Any) -> tokeneff.Trim:
    """Trimming with a store of its own."""
    return tokeneff.Trim(store=f"memory://{uuid.uuid4().hex}", **more)


def records(ledger: Ledger) -> list[CallRecord]:
    """What a ledger has, in order of time."""
    assert ledger.flush()
    return sorted(read(ledger), key=lambda record: record.time)


def untrimmed(bodies: Sequence[dict[str, Any]]) -> list[int]:
    """What the input of these requests costs, sent as they are."""
    plain = Caching()
    for body in bodies:
        plain.split(body)
    return plain.cost
