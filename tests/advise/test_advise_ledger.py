"""Advice on a ledger: by counts and digests, and by what was said where that is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from advise_traffic import PLAIN, chat, choice, claude, priced, written
from conftest import Run

import tokeneff
from tokeneff import logs
from tokeneff.advise import Advice, advise
from tokeneff.ledger import CallRecord, Ledger
from tokeneff.testing import FakeProvider, Reply, ToolCall, Usage

LONG = json.dumps([{"id": f"item-{n}", "name": f"thing number {n}"} for n in range(200)], indent=4)
UNCACHED = [{"input_tokens": 2_000 + 1_000 * number, "output_tokens": 10} for number in range(3)]


def kept(path: str, prices: str | None = None) -> Iterator[CallRecord]:
    return logs.records(path, prices=prices)


def on_ledger(path: str, prices: str | None = None) -> Advice:
    with Ledger("memory://") as ledger:
        ledger.write(kept(path, prices))
        return advise(ledger, prices=prices)


def test_what_counts_and_digests_tell(tmp_path: Path) -> None:
    path = written(tmp_path, claude(UNCACHED))
    found, shown = on_ledger(path), advise(path)
    for name in ("as recorded", "prompt cache"):
        assert choice(found, name) == choice(shown, name)
    assert not [one for one in found.choices if one.name.startswith("trim")]
    assert any("only counts and digests are kept" in note for note in found.notes)


def test_breakpoints_that_its_client_set(tmp_path: Path) -> None:
    usages = [
        {"input_tokens": 10, "cache_creation_input_tokens": 2_000, "output_tokens": 100},
        {"input_tokens": 10, "cache_read_input_tokens": 2_000, "cache_creation_input_tokens": 500, "output_tokens": 50},
    ]
    found = on_ledger(written(tmp_path, claude(usages)))
    assert (found.recorded, found.cached_told) == (10_035_000, 2_000)
    assert found.cached_simulated is not None
    assert abs(found.cached_simulated / 2_000 - 1) < 0.02
    assert "prompt cache" not in {one.name for one in found.choices}


def test_repeated_requests(tmp_path: Path) -> None:
    calls = [{"n_messages_in": 2, "prompt_tokens": 400, "completion_tokens": 20}]
    path = written(tmp_path, *(chat((), name="talk", calls=calls, id=str(number)) for number in range(3)))
    found = on_ledger(path, priced(tmp_path))
    cache = choice(found, "response cache")
    assert (cache.answered, cache.cost, cache.saved) == (2, 500_000, 1_000_000)


def test_what_is_no_request(tmp_path: Path) -> None:
    records = [
        CallRecord("a", 1, provider="openai", model="gpt-5", operation="embeddings", input_tokens=5, cost=1),
        CallRecord("b", 2, provider="openai", model="gpt-5", ending="failed", error="overloaded"),
        CallRecord("c", 3, provider="openai", model="gpt-5", decisions=(("cache", "hit", 7),)),
        CallRecord("d", 4, provider="openai", model="gpt-5", input_tokens=1_000, output_tokens=2),
    ]
    with Ledger("memory://") as ledger:
        ledger.write(records)
        found = advise(ledger)
        assert (found.requests, choice(found, "as recorded").cost) == (1, 1_000 * 1_250 + 2 * 10_000)
        assert "left out: 3 calls without a chat model's reply" in found.notes
        assert "as recorded has in it what the cache policy did with 1 call" in found.notes
        connection = ledger.connect()
        assert advise(connection).choices == found.choices
        assert advise(connection, since=5).choices == ()
        connection.close()


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_what_was_said_is_trimmed(run: Run, tmp_path: Path, sdk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    _asked(sdk, url)
    code, out, _ = run(str(tmp_path / "calls.db"), "--json")
    assert run(url, "--json")[1] == out.replace(str(tmp_path / "calls.db"), url)
    told = json.loads(out)
    by_name = {one["name"]: one for one in told["choices"]}
    assert (code, told["conversations"], told["requests"], told["told"]) == (0, 1, 2, 2)
    trim = by_name["trim, history as it is"]
    assert (trim["lost"], trim["saved"] > 0, trim["identifiers"] > 0) == (0, True, True)
    assert by_name["as recorded"]["cost"] == told["recorded"] + 2 * 5 * (10_000 if sdk == "openai" else 15_000)


def _asked(sdk: str, url: str) -> None:
    """Two requests, the second with a tool's result."""
    call = Reply(tool_calls=[ToolCall("look", {"n": 1})], usage=Usage(input_tokens=2_010, output_tokens=5))
    said = Reply(text="It is item-7.", usage=Usage(input_tokens=9_000, output_tokens=5))
    messages = [{"role": "user", "content": "What of my order? " + "please " * 2_000}]
    with FakeProvider() as provider, tokeneff.Ledger(url, content=True) as ledger, tokeneff.tag(session="s1"):
        provider.queue(call, said)
        if sdk == "openai":
            import openai

            with openai.OpenAI(base_url=provider.openai_url, api_key="k") as bare:
                client = tokeneff.wrap(bare, ledger=ledger)
                first = client.chat.completions.create(model="gpt-5", messages=messages).choices[0].message
                answer = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": LONG}
                client.chat.completions.create(model="gpt-5", messages=[*messages, first, answer])
        else:
            import anthropic

            with anthropic.Anthropic(base_url=provider.anthropic_url, api_key="k") as bare:
                client = tokeneff.wrap(bare, ledger=ledger)
                first = client.messages.create(model="claude-sonnet-4-6", messages=messages, max_tokens=50)
                result = {"type": "tool_result", "tool_use_id": first.content[-1].id, "content": LONG}
                more = [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
                client.messages.create(model="claude-sonnet-4-6", messages=[*messages, *more], max_tokens=50)


def test_content_that_is_masked_is_not_guessed_at(tmp_path: Path) -> None:
    record = CallRecord("d", 4, provider="cohere", model=PLAIN, input_tokens=1_000, output_tokens=2)
    contents = ['"***"', '{"gen_ai.input.messages": "***"}', "{", "[]", '{"gen_ai.input.messages": [{"role": "user"}]}']
    with Ledger("memory://") as ledger:
        ledger.write(record._replace(call_id=str(n), content=content) for n, content in enumerate(contents))
        found = advise(ledger, prices=priced(tmp_path))
    assert found.requests == 5
    assert not [one for one in found.choices if one.name.startswith("trim")]
