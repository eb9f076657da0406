"""A counter that knows how long a token is, round prices, and a provider that says what it is told to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tokeneff._flow import Facts, Tokens, Written
from tokeneff.accounts import Account, Accounts, Asked, Opened
from tokeneff.prices import Cost
from tokeneff.prices._rates import Rates
from tokeneff.tokens import Counter
from tokeneff.tokens._vocabulary import Vocabularies
from tokeneff.traces import Conversation, RecordedCall, read, tools_beside

TRACES = Path(os.environ.get("TOKENEFF_TRACES") or Path(__file__).resolve().parents[3] / "shared" / "data" / "traces")
FILES = ["tau_airline_gpt4o", "tau2_airline_gpt5", "miniswe_gemini3pro", "claude_code_sessions"]

RATES = Rates(Fraction(2000), Fraction(200), Fraction(2500), Fraction(4000), Fraction(8000))
"""Nano-dollars per token: input 2,000, a cached read 200, a write 2,500, one for an hour 4,000."""


def new_counter() -> Counter:
    """Four characters are a token, by a vocabulary that is there at once."""
    vocabularies = Vocabularies(lambda name: lambda text: (len(text) + 3) // 4)
    for name in ("o200k_base", "cl100k_base"):
        assert vocabularies.ready(name, wait=30.0) is not None
    return Counter(vocabularies)


class RoundPrices:
    """Everything at :data:`RATES`."""

    def cost(self, tokens: Tokens, **_: Any) -> Cost:
        if tokens.input_tokens is None or tokens.output_tokens is None:
            return Cost()
        read = tokens.cache_read or 0
        parts = ((tokens.input_tokens - read) * 2000, read * 200, 0, tokens.output_tokens * 8000)
        return Cost(sum(parts), *parts, source="test", confidence="listed")

    def rates(self, model: str, provider: str, host: str, at: float, input_tokens: int) -> Rates | None:
        return RATES


class Provider:
    """Calls a model that counts a quarter more tokens than we do, and says that it read what it is told."""

    def __init__(
        self, dialect: Any = "chat", model: str = "gpt-4.1", provider: str = "openai", session: str | None = None
    ) -> None:
        self.dialect, self.model, self.provider, self.session = dialect, model, provider, session
        self.accounts = Accounts(new_counter(), RoundPrices())
        self.now = 1_000_000.0

    def open(self, body: Mapping[str, Any], **changes: Any) -> Opened:
        asked = Asked(self.dialect, body, self.model, self.provider, "api.example.com", self.session, self.now)
        return self.accounts.open(asked._replace(**changes))

    def close(
        self, opened: Opened, reply: Written | None = None, response: str | None = None, **counts: Any
    ) -> Account:
        assert opened.prompt is not None
        counted = round(opened.prompt.tokens * 1.25)
        tokens = Tokens(**{"input_tokens": counted, "output_tokens": 10, **counts})
        facts = Facts(id=response, model=self.model, written=reply or Written("Well."))
        return self.accounts.close(opened, tokens, facts, self.now + 1)

    def call(
        self, body: Mapping[str, Any], after: float = 10.0, *, reply: Written | None = None, **counts: Any
    ) -> Account:
        """One call, ``after`` seconds after the last one."""
        self.now += after
        asked = {name: counts.pop(name) for name in ("model", "session", "provider") if name in counts}
        return self.close(self.open(body, **asked), reply, **counts)


def words(seed: int, count: int) -> str:
    """Text that no other seed has."""
    return " ".join(f"word{seed}" for _ in range(count))


def tool(name: str, dialect: str = "chat", about: str = "") -> dict[str, Any]:
    """A tool schema of about 100 tokens."""
    schema = {"type": "object", "properties": {"query": {"type": "string", "description": f"{about} {'x' * 300}"}}}
    if dialect == "messages":
        return {"name": name, "description": f"Does {name}.", "input_schema": schema}
    return {"type": "function", "function": {"name": name, "description": f"Does {name}.", "parameters": schema}}


def turns(count: int, seed: int = 0, size: int = 100) -> list[dict[str, Any]]:
    """``count`` questions, all but the last of them answered."""
    messages: list[dict[str, Any]] = []
    for turn in range(count):
        messages.append({"role": "user", "content": words(seed * 1000 + turn, size)})
        messages.append({"role": "assistant", "content": words(seed * 1000 + 500 + turn, size)})
    return messages[:-1]


def conversations(name: str) -> Iterator[Conversation]:
    """The recorded conversations of a file, with the tool schemas that lie beside it."""
    path = TRACES / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"no {path.name} in {TRACES} (set TOKENEFF_TRACES to the folder of recorded traces)")
    beside = tools_beside(path)
    schemas = json.loads(beside.read_text(encoding="utf-8")) if beside is not None else ()
    for item in read(path, tools=schemas):
        assert isinstance(item, Conversation), item
        yield item


def asked_of(call: RecordedCall, body: Mapping[str, Any] | None = None, at: float = 0.0) -> Asked:
    """A recorded call as a request, with no session named."""
    dialect: Any = "messages" if call.dialect == "anthropic" else "chat"
    provider = "anthropic" if call.dialect == "anthropic" else "gcp.gemini" if "gemini" in call.model else "openai"
    return Asked(dialect, call.request if body is None else body, call.model, provider, "", None, call.time or at)


def reply_of(call: RecordedCall) -> Written | None:
    """What a recorded reply consists of."""
    reply = call.reply
    if reply is None:
        return None
    calls = tuple((one.name, one.arguments) for one in reply.tool_calls)
    return Written(reply.text or "", reply.reasoning or "", calls)


def usage_of(call: RecordedCall) -> Tokens:
    """What the provider counted, or that nobody knows."""
    usage = call.usage
    if usage is None:
        return Tokens(input_source="unknown", output_source="unknown")
    return Tokens(
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read,
        usage.cache_write,
        usage.reasoning,
        cache_write_1h=usage.cache_write_1h,
    )
