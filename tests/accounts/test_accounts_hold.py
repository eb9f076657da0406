"""Whatever fails or is odd, an account comes back and the call is not touched."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from accounts_kit import Provider, RoundPrices, new_counter, tool, turns
from hypothesis import given, settings
from hypothesis import strategies as st

from tokeneff._flow import UNKNOWN, Facts, Tokens, Written
from tokeneff.accounts import Account, Accounts, Asked
from tokeneff.accounts._rules import Life, rules_of
from tokeneff.prices import Cost

BODY = {"messages": turns(3), "tools": [tool("a")]}
ASKED = Asked("chat", BODY, "gpt-4.1", "openai", "api.example.com", None, 5.0)


class Failing:
    """Does what another one does, except for one thing, which it fails to do."""

    def __init__(self, real: object, name: str) -> None:
        self._real, self._name = real, name

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            raise RuntimeError(f"no {name} today")
        return getattr(self._real, name)


@pytest.mark.parametrize("what", ["prompt", "expected", "learn", "text", "cost", "rates"])
def test_what_cannot_be_done_is_left_out_and_logged_once(what: str, caplog: pytest.LogCaptureFixture) -> None:
    counter, prices = new_counter(), RoundPrices()
    broken = Accounts(Failing(counter, what), Failing(prices, what))  # type: ignore[arg-type]
    sound = Accounts(new_counter(), RoundPrices())
    tokens = Tokens(1500, 100, cache_read=0)
    facts = Facts(written=Written("a", "", (("a", "{}"),)))
    for accounts in (broken, sound):
        accounts.close(accounts.open(ASKED), tokens, facts, 6.0)
    left, right = (accounts.close(accounts.open(ASKED), tokens, facts, 6.0) for accounts in (broken, sound))
    missing = {
        "prompt": ("input", "output", "prefix", "counted", "scale", "session", "expected_error", "tools"),
        "expected": ("counted", "expected_error"),
        "learn": (),
        "text": ("output",),
        "cost": ("cost",),
        "rates": ("prefix",),
    }[what]
    default = Account()
    for name in missing:
        assert getattr(left, name) == getattr(default, name), name
    kept = ("cost",) if what == "prompt" else ("cost", "input", "output", "tools", "toolset", "request_hash", "called")
    for name in set(kept) - set(missing):
        assert getattr(left, name) == getattr(right, name), name
    assert len([record for record in caplog.records if record.name == "tokeneff"]) == 1


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("messages", "tools", "system", "input", "instructions", "previous_response_id", "conversation")
FIELDS = (*FIELDS, "cache_control", "prompt_cache_retention", "prompt_cache_options")
BODIES = st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=5)
COUNT = st.none() | st.integers(-3, 10**6)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["chat", "responses", "messages", "completions", "embeddings", None]),
    st.lists(BODIES, min_size=1, max_size=3),
    COUNT,
    st.tuples(COUNT, COUNT, COUNT, COUNT),
    st.none() | st.text(max_size=3),
)
def test_any_body_and_any_counts(dialect: Any, bodies: list[Any], total: Any, counts: Any, session: Any) -> None:
    provider = Provider(dialect, session=session)
    for body in bodies:
        opened = provider.open(body)
        tokens = Tokens(total, *counts)
        account = provider.accounts.close(opened, tokens, Facts(id="r", written=Written("a")), 1.0)
        if total is not None and total >= 0:
            assert account.input is not None
            assert sum(account.input) == total
        else:
            assert account.input is None
        if counts[0] is not None and counts[0] >= 0:
            assert account.output is not None
            assert sum(account.output) == counts[0]
        assert account.prefix is None or account.prefix.lost >= 0
        assert session is None or dialect not in ("chat", "messages") or account.session in (session, None)


def test_no_request_of_a_model_has_no_account_but_its_cost() -> None:
    accounts = Accounts(new_counter(), RoundPrices())
    opened = accounts.open(ASKED._replace(dialect=None, body={}))
    assert accounts.close(opened, UNKNOWN, Facts(), 6.0) == Account(cost=Cost(), counted=None, encoding="estimator")


def test_embeddings_have_parts_and_no_session() -> None:
    accounts = Accounts(new_counter(), RoundPrices())
    opened = accounts.open(ASKED._replace(dialect="embeddings", body={"input": ["one text", "another"]}))
    account = accounts.close(opened, Tokens(5, 0), Facts(), 6.0)
    assert account.input is not None
    assert (account.input.user, account.session, account.prefix) == (5, None, None)


def test_hashes_tell_equal_requests_systems_and_toolsets() -> None:
    provider = Provider()
    system = {"role": "system", "content": "Be brief."}
    bodies: list[dict[str, Any]] = [
        {"messages": [system, *turns(1)], "tools": [tool("a")]},
        {"messages": [system, *turns(1)], "tools": [tool("a")]},
        {"messages": [system, *turns(2)], "tools": [tool("a")]},
        {"messages": [{**system, "content": "Be long."}, *turns(2)], "tools": [tool("b")]},
    ]
    first, same, longer, other = (provider.call(body) for body in bodies)
    assert first.request_hash == same.request_hash != longer.request_hash
    assert first.system_hash == longer.system_hash != other.system_hash
    assert first.toolset == longer.toolset != other.toolset
    assert all(len(value) == 32 for value in (first.request_hash, first.system_hash, first.toolset))
    called = provider.call(bodies[0], reply=Written("", "", (("b", "{}"), ("a", "{}"), ("b", "{}"))))
    assert called.called == ("b", "a")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="forking beside threads warns")
def test_a_forked_child_begins_anew_even_if_a_thread_held_the_lock() -> None:
    provider = Provider()
    before = provider.call(BODY)
    with provider.accounts._sessions._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if provider.open(BODY).session not in (None, before.session) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert provider.open(BODY).session == before.session


def test_rules_of_the_providers_caches() -> None:
    told = {
        ("gpt-4.1", "openai", ""): (1024, 128, Life(300, 3600), False),
        ("gpt-5.6-sol", "openai", ""): (1024, 128, Life(1800, 86_400), False),
        ("openai/gpt-6.1", "openrouter", ""): (1024, 128, Life(1800, 86_400), False),
        ("gpt-5.5", "openai", "24h"): (1024, 128, Life(3600, 86_400), False),
        ("gpt-5.5", "openai", "in_memory"): (1024, 128, Life(300, 3600), False),
        ("gpt-6.1", "openai", "2h"): (1024, 128, Life(7200, 86_400), False),
        ("claude-opus-4-5", "anthropic", ""): (4096, 0, Life(300, 300), True),
        ("us.anthropic.claude-sonnet-5-5-v1:0", "aws.bedrock", "1h"): (512, 0, Life(3600, 3600), True),
        ("claude-sonnet-4-5", "anthropic", "5m"): (1024, 0, Life(300, 300), True),
        ("gemini-3-pro-preview", "gcp.gemini", ""): (4096, 0, Life(300, 86_400), False),
        ("google/gemini-2.5-flash", "openrouter", ""): (2048, 0, Life(300, 86_400), False),
        ("deepseek-chat", "deepseek", ""): (64, 64, Life(3600, 604_800), False),
        ("my-llama", "vllm", ""): (16, 16, Life(3600, 86_400), False),
        ("gpt-35-turbo", "azure.ai.openai", ""): (1024, 128, Life(300, 3600), False),
    }
    assert {key: tuple(rules_of(*key)) for key in told} == told
