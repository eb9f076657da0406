"""Recorded conversations: the parts of every call sum to what the provider counted, and faults put in are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from accounts_kit import FILES, RoundPrices, asked_of, conversations, new_counter, reply_of, tool, usage_of, words

from tokeneff._flow import Facts, Tokens
from tokeneff.accounts import Account, Accounts, Asked, Prefix
from tokeneff.traces import Conversation, RecordedCall

Body = dict[str, Any]


@pytest.mark.parametrize("name", FILES)
def test_every_call_of_every_conversation(name: str) -> None:
    """Parts sum exactly, nothing is negative, each conversation is one session, and a repeat is a repeat."""
    accounts = Accounts(new_counter(), RoundPrices())
    owners: dict[str | None, str] = {}
    calls = 0
    for conversation in conversations(name):
        whole = not conversation.compactions
        for call in conversation.calls:
            opened = accounts.open(asked_of(call, at=float(calls)))
            tokens = usage_of(call)
            account = accounts.close(opened, tokens, Facts(model=call.model, written=reply_of(call)), 0.0)
            calls += 1
            check(account, tokens)
            assert owners.setdefault(account.session, conversation.id) == conversation.id
            assert account.prefix is not None
            first = call is conversation.calls[0]
            assert (account.prefix.cause == "first") == first
            if not first and whole and name.startswith("tau"):
                assert account.prefix.cause == "none"
    assert calls > 400


def check(account: Account, tokens: Tokens) -> None:
    if tokens.input_tokens is None:
        assert (account.input, account.output) == (None, None)
    else:
        assert account.input is not None
        assert account.output is not None
        assert sum(account.input) == tokens.input_tokens
        assert sum(account.output) == tokens.output_tokens
        assert min(*account.input, *account.output) >= 0
        assert account.output.reasoning == tokens.reasoning
        assert sum(size for _, size in account.tools) == account.input.tools
        assert 0 <= account.stale <= account.input.tool_results
        assert account.prefix is not None
        assert 0 <= account.prefix.repeated <= tokens.input_tokens
        assert 0 <= account.prefix.lost <= tokens.input_tokens


def pairs(name: str) -> list[tuple[Conversation, RecordedCall, RecordedCall]]:
    """Two calls in a row from the middle of some conversations."""
    long = [one for one in conversations(name) if len(one.calls) > 5]
    assert long
    chosen = long[:: max(len(long) // 3, 1)]
    return [(one, one.calls[len(one.calls) // 2 - 1], one.calls[len(one.calls) // 2]) for one in chosen]


SYSTEM = "\n".join(["You are an agent.", *[words(line, 30) for line in range(60)]])


def dressed(call: RecordedCall, system: str = SYSTEM, tools: str = "abc") -> Body:
    """The recorded request with a system prompt and tools of ours, so that there is something to change."""
    body = call.request
    if call.dialect == "anthropic":
        marked = [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]
        return {**body, "system": marked, "tools": [tool(name, "messages") for name in tools]}
    messages = [message for message in body["messages"] if message["role"] != "system"]
    named = [tool(name) for name in tools]
    return {**body, "messages": [{"role": "system", "content": system}, *messages], "tools": named}


def changed(call: RecordedCall, index: int) -> Body:
    body = dressed(call)
    messages = list(body["messages"])
    at = index + (0 if call.dialect == "anthropic" else 1)
    messages[at] = {"role": messages[at]["role"], "content": "Something else was said here."}
    return {**body, "messages": messages}


def shortened(call: RecordedCall) -> Body:
    body = dressed(call)
    start = 0 if call.dialect == "anthropic" else 1
    return {**body, "messages": body["messages"][:start] + body["messages"][start + 2 :]}


Fault = Callable[[RecordedCall], Body]
FAULTS: dict[str, tuple[Fault, Prefix]] = {
    "changed system": (
        lambda call: dressed(call, SYSTEM.replace("an agent", "a clerk")),
        Prefix(0, "system_changed", "system", 0, "system prompt differs at line 1"),
    ),
    "timestamp in the system prompt": (
        lambda call: dressed(call, SYSTEM + "\nNow: 2026-11-22T10:11:12Z"),
        Prefix(0, "system_changed", "system", 0, "system prompt differs at line 62: a timestamp"),
    ),
    "reordered tools": (
        lambda call: dressed(call, tools="bac"),
        Prefix(0, "tools_reordered", "tools", 0, "tools are in another order from b on"),
    ),
    "tool added": (lambda call: dressed(call, tools="abcd"), Prefix(0, "tools_changed", "tools", 3, "tools added d")),
    "tool removed": (lambda call: dressed(call, tools="ab"), Prefix(0, "tools_changed", "tools", 2, "tools removed c")),
    "edited early message": (lambda call: changed(call, 1), Prefix(0, "edited", "messages", 1, "message 2 (")),
    "oldest messages gone": (shortened, Prefix(0, "shortened", "messages", 0, "2 messages are gone")),
    "expired life": (lambda call: dressed(call), Prefix(0, "expired", None, None, "2 d after the last request")),
    "model change": (lambda call: dressed(call), Prefix(0, "model_changed", None, None, "")),
    "nothing": (lambda call: dressed(call), Prefix(0, "none")),
    "missed": (lambda call: dressed(call), Prefix(0, "missed", None, None, "the provider read 0 of ")),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", FILES)
def test_a_fault_put_into_a_recorded_session_is_named(name: str, fault: str) -> None:
    change, expected = FAULTS[fault]
    for conversation, before, after in pairs(name):
        accounts = Accounts(new_counter(), RoundPrices())
        asked = asked_of(before, dressed(before), at=1.0)
        size = account_of(accounts, asked, 0, None)
        again = asked_of(after, change(after))._replace(at=asked.at + (200_000 if fault == "expired life" else 20))
        if fault == "model change":
            again = again._replace(model="another-model", provider=again.provider)
        else:
            again = again._replace(model=asked.model)
        account = account_of(accounts, again, size.counted or 0 if fault == "nothing" else 0, size)
        prefix = account.prefix
        assert prefix is not None
        assert prefix[1:4] == expected[1:4], conversation.id
        assert prefix.detail.startswith(expected.detail), conversation.id
        assert (prefix.lost > 0) == (fault != "nothing"), conversation.id
        assert account.session == size.session


def account_of(accounts: Accounts, asked: Asked, read: int, before: Account | None) -> Account:
    """A call that the provider counted as we did, and of which it read and wrote so much."""
    opened = accounts.open(asked)
    total = opened.counted if before is None else max(opened.counted or 0, before.counted or 0)
    tokens = Tokens(total, 1, read, max((total or 0) - read, 0), 0)
    return accounts.close(opened, tokens, Facts(model=asked.model), 0.0)
