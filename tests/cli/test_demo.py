"""The demo shows every kind of call as it is recorded, without a key; with --live it asks a real endpoint."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tokeneff.testing import FakeProvider, Reply, ToolCall

if TYPE_CHECKING:
    from .conftest import Collector, Ran, Run


def calls(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [span for span in report["spans"] if "tokeneff.ending" in span["attributes"]]


@pytest.fixture(scope="module")
def kept() -> dict[tuple[str, ...], Ran]:
    return {}


@pytest.fixture
def shown(run: Run, kept: dict[tuple[str, ...], Ran]) -> Run:
    """What the demo says: run once for all tests that only look at it."""

    def shown(*argv: str) -> Ran:
        if argv not in kept:
            kept[argv] = run(*argv)
        return kept[argv]

    return shown


def test_the_session_as_json(shown: Run) -> None:
    ran = shown("demo", "--json")
    assert (ran.code, ran.err) == (0, "")
    report = ran.json
    assert report["failures"] == []
    usage = "gen_ai.usage."
    seen = [
        (
            span["attributes"]["tokeneff.tag.feature"],
            span["name"],
            span["attributes"].get(f"{usage}input_tokens"),
            span["attributes"].get(f"{usage}output_tokens"),
            span["attributes"].get(f"{usage}cache_read.input_tokens"),
            span["attributes"]["tokeneff.ending"],
            span["attributes"]["tokeneff.usage.source"],
        )
        for span in calls(report)
    ]
    plan, claude = ("plan", "chat gpt-5-mini"), ("policy", "chat claude-haiku-4-5")
    letter = seen.pop()
    assert seen == [
        (*plan, 1412, 131, 1024, "read", "provider"),
        (*plan, 1603, 58, 1408, "read", "provider"),
        ("itinerary", "chat gpt-5-mini", 1691, 46, 1536, "read", "provider"),
        (*claude, 2268, 41, None, "read", "provider"),
        (*claude, 2329, 18, 2240, "read", "provider"),
        *[("hotels", "chat gpt-5-mini", 48, 12, None, "read", "provider")] * 3,
    ]
    assert letter[-2:] == ("broken_off", "estimated")
    retried = [span for span in calls(report) if span["attributes"].get("http.request.resend_count")]
    assert [event["attributes"]["http.response.status_code"] for span in retried for event in span["events"]] == [429]
    assert sum(client["calls"] for client in report["clients"]) == 9
    assert report["models"]["claude-haiku-4-5"]["cache_write"] == 2301


def test_it_ends_with_a_report_on_what_it_did(shown: Run) -> None:
    found = shown("demo", "--json").json["report"]
    assert (found["source"], found["total"]["calls"]) == ("the session above", 9)
    out = shown("demo").out
    assert out.index("tokeneff.usage(Anthropic client)") < out.index("the session above")


def test_made_up_calls_are_never_put_on_the_users_record(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENEFF_LEDGER", f"sqlite:///{tmp_path}/calls.db")
    trace = tmp_path / "trace.jsonl"
    trace.write_text('{"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}\n')
    assert [run("demo").code, run("replay", str(trace)).code] == [0, 0]
    assert list(tmp_path.iterdir()) == [trace]


def test_every_span_hangs_in_one_tree(shown: Run) -> None:
    spans = shown("demo", "--json").json["spans"]
    names = {span["id"]: span["name"] for span in spans}
    found = sorted((names.get(span["parent"]), span["name"]) for span in spans if span["parent"])
    assert found == sorted(
        [
            *[("travel desk", step) for step in ("plan", "itinerary", "policy", "hotels", "letter")],
            *[("plan", name) for name in ("chat gpt-5-mini", "chat gpt-5-mini")],
            *[("plan", f"execute_tool {name}") for name in ("search_flights", "forecast")],
            ("itinerary", "chat gpt-5-mini"),
            *[("policy", "chat claude-haiku-4-5")] * 2,
            *[("hotels", "chat gpt-5-mini")] * 3,
            ("letter", "chat gpt-5-mini"),
        ]
    )
    assert [span["name"] for span in spans if span["parent"] is None] == ["travel desk"]


def test_for_people(shown: Run) -> None:
    ran = shown("demo")
    assert (ran.code, ran.err) == (0, "")
    for said in (
        "TP 533 lands at 08:55",
        "spans  session=travel-desk-1  user=ada",
        "in 1,603 (cache read 1,408) · out 58 (reasoning 32) · $0.000200 · 2 attempts (429, waited 50 ms)",
        "first token",
        "broken off",
        "feature=hotels",
        "tokeneff.usage(Anthropic client)",
    ):
        assert said in ran.out
    assert "\x1b" not in ran.out


def test_on_a_narrow_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    ran = run("demo")
    assert (ran.code, ran.err) == (0, "")
    tree = ran.out[ran.out.index("spans") : ran.out.index("tokeneff.usage")]
    assert max(map(len, tree.splitlines())) <= 60


@pytest.mark.parametrize(
    ("missing", "left"), [("openai", {"chat claude-haiku-4-5"}), ("anthropic", {"chat gpt-5-mini"})]
)
def test_a_missing_sdk_is_named_and_the_rest_goes_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, missing: str, left: set[str]
) -> None:
    from tokeneff.cli import _clients

    def import_module(name: str) -> Any:
        if name == missing:
            raise ImportError(name)
        return builtins.__import__(name)

    monkeypatch.setattr(_clients, "import_module", import_module)
    ran = run("demo", "--json")
    assert ran.code == 0
    assert f"pip install 'tokeneff[{missing}]'" in ran.err
    assert {span["name"] for span in calls(ran.json)} == left


def test_neither_sdk(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokeneff.cli import _clients

    def import_module(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(_clients, "import_module", import_module)
    ran = run("demo")
    assert ran.code == 1
    assert ran.err.count("pip install") == 2


def test_live_needs_a_key(run: Run) -> None:
    ran = run("demo", "--live")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "tokeneff demo: --live needs OPENAI_API_KEY, OPENAI_BASE_URL or ANTHROPIC_API_KEY in the environment\n"
    )


def test_live_with_both_keys(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeProvider(models=("local-model",)) as provider:
        monkeypatch.setenv("OPENAI_BASE_URL", provider.openai_url)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.anthropic_url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "test")
        provider.default = lambda request: _live_answer(request.json)
        ran = run("demo", "--live", "--json", "--model", "claude-x")
    assert (ran.code, ran.err) == (0, "")
    assert {span["name"] for span in calls(ran.json)} == {"chat local-model", "chat claude-x"}
    assert len(calls(ran.json)) == 9


def _live_answer(body: Any) -> Reply:
    if body and "tools" in body and body["messages"][-1]["role"] == "user":
        return Reply(tool_calls=(ToolCall("forecast", '{"city": '), ToolCall("unheard_of", {})))
    return Reply(text="word " * 20)


def test_live_with_one_endpoint_and_a_model(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeProvider() as provider:
        monkeypatch.setenv("OPENAI_BASE_URL", provider.openai_url)
        ran = run("demo", "--live", "--json", "--model", "mine")
    assert ran.code == 0
    assert ran.err == "left out: the Anthropic part; its key is not set\n"
    assert {span["name"] for span in calls(ran.json)} == {"chat mine"}


def test_live_endpoint_that_refuses(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokeneff.testing import faults

    with FakeProvider(default=faults.bad_request("no money", status=402)) as provider:
        monkeypatch.setenv("OPENAI_BASE_URL", provider.openai_url)
        ran = run("demo", "--live", "--model", "mine")
        silent = run("demo", "--live")
    assert ran.code == 1
    assert "no money" in ran.out
    assert "failed" in ran.out
    assert silent.code in (1, 2)


def test_the_same_spans_reach_a_collector(run: Run, collector: Collector) -> None:
    url, spans, metrics = collector
    ran = run("demo", "--json", "--otlp", url)
    assert (ran.code, ran.err) == (0, f"17 spans sent to {url}/v1/traces\n")
    assert sorted(span.span_id.hex() for span in spans) == sorted(span["id"] for span in ran.json["spans"])
    assert "gen_ai.client.token.usage" in metrics
