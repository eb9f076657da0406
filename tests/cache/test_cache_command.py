"""`tokeneff cache`: what is kept, forgetting it, and filling a cache from what was recorded."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cache_lab import CHAT, CLAUDE, GPT, WAYS, Lab, Way, said

import tokeneff
from tokeneff.cache._place import settled
from tokeneff.cli import main
from tokeneff.testing import Reply


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def ran(*argv: str) -> Ran:
        code = main(["cache", *argv])
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)

    return ran


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'cache.db'}"


@pytest.fixture
def filled(lab: Lab, url: str) -> str:
    """Four replies: of two models, for two tenants, one of them tagged."""
    cache = tokeneff.Cache(url, by="tenant", ttl="1d")
    client = lab.client("openai", "sync", cache)
    with tokeneff.tag(tenant="acme"):
        CHAT.ask(client)
        CHAT.ask(client)
        CHAT.ask(client, model="gpt-4.1")
        with tokeneff.tag(feature="search"):
            CHAT.ask(client, messages=[{"role": "user", "content": "Another one."}])
    with tokeneff.tag(tenant="globex"):
        CHAT.ask(client)
    settled()
    return url


def test_stats(run: Run, filled: str) -> None:
    ran = run("stats", "--store", filled)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert re.fullmatch(r"sqlite:///.*cache\.db: 4 replies, \d+(\.\d+)? k?B.*", lines[0])
    assert lines[1].split()[:3] == ["model", "scope", "replies"]
    assert sorted(line.split()[:3] for line in lines[2:]) == [
        ["gpt-4.1", "tenant=acme", "1"],
        [GPT, "tenant=acme", "2"],
        [GPT, "tenant=globex", "1"],
    ]
    told = run("stats", "--store", filled, "--json").json
    assert (told["entries"], len(told["models"]), told["evicted"]) == (4, 3, 0)
    assert sum(row["size"] for row in told["models"]) <= told["size"]


def test_ls(run: Run, filled: str) -> None:
    ran = run("ls", "--store", filled)
    assert (ran.code, len(ran.out.splitlines())) == (0, 5)
    rows = run("ls", "--store", filled, "--json").json["entries"]
    assert [(row["model"], row["scope"], row["tags"]) for row in rows] == [
        (GPT, "tenant=globex", {"tenant": "globex"}),
        (GPT, "tenant=acme", {"feature": "search", "tenant": "acme"}),
        ("gpt-4.1", "tenant=acme", {"tenant": "acme"}),
        (GPT, "tenant=acme", {"tenant": "acme"}),
    ]
    for argv, count in (
        (["--model", "gpt-4.1"], 1),
        (["--scope", "tenant=acme"], 3),
        (["--tag", "feature=search"], 1),
        (["--scope", "tenant=acme", "--model", GPT], 2),
        (["-n", "2"], 2),
        (["--model", "none"], 0),
    ):
        assert len(run("ls", "--store", filled, "--json", *argv).json["entries"]) == count, argv
    assert run("ls", "--store", filled, "--model", "none").out == "nothing of that is kept\n"


def test_show(run: Run, filled: str) -> None:
    key = run("ls", "--store", filled, "--json").json["entries"][0]["key"]
    ran = run("show", key[:8], "--store", filled)
    assert ran.code == 0
    assert f"key      {key}\nmodel    {GPT}\nscope    tenant=globex\n" in ran.out
    assert "worth    20 tokens in, 5 out, $0.000016" in ran.out
    assert '"content": "Once upon a time"' in ran.out
    told = run("show", key[:8], "--store", filled, "--json").json["reply"]
    assert json.loads(told["body"])["choices"][0]["message"]["content"] == "Once upon a time"
    assert told["worth"]["cost"] == 16_000
    assert run("show", "ffff" * 5, "--store", filled).err.startswith("tokeneff cache: no key begins with 'ffff")
    assert run("show", "xyz", "--store", filled).code == 2


def test_show_of_a_value_that_cannot_be_read(run: Run, filled: str) -> None:
    key = run("ls", "--store", filled, "--json").json["entries"][0]["key"]
    from tokeneff.cache.stores import open_cache_store

    store = open_cache_store(filled)
    store.put(bytes.fromhex(key), b"nonsense", next(store.entries()).labels, None)
    store.close()
    ran = run("show", key, "--store", filled)
    assert (ran.code, ran.out.splitlines()[-1]) == (
        1,
        "its value cannot be read: it is damaged, of another version, or encrypted with another key",
    )


@pytest.mark.parametrize(
    ("argv", "left"),
    [
        (["--model", "gpt-4.1"], 3),
        (["--scope", "tenant=acme"], 1),
        (["--tag", "feature=search"], 3),
        (["--scope", "tenant=acme", "--model", GPT], 2),
        (["--older-than", "1h"], 4),
        (["--older-than", "2100-01-01"], 0),
        (["--all"], 0),
    ],
)
def test_purge(run: Run, filled: str, argv: list[str], left: int) -> None:
    ran = run("purge", "--store", filled, "--yes", *argv)
    gone = 4 - left
    assert (ran.code, ran.out) == (0, f"{gone} {'reply' if gone == 1 else 'replies'} forgotten\n")
    assert len(run("ls", "--store", filled, "--json").json["entries"]) == left


def test_purge_by_key(run: Run, lab: Lab, filled: str) -> None:
    entries = run("ls", "--store", filled, "--json").json["entries"]
    assert run("purge", "--store", filled, "--yes", "--key", entries[0]["key"][:10], "--json").json["purged"] == 1
    assert [row["key"] for row in run("ls", "--store", filled, "--json").json["entries"]] == [
        row["key"] for row in entries[1:]
    ]
    client = lab.client("openai", "sync", tokeneff.Cache(filled, by="tenant"))
    with tokeneff.tag(tenant="globex"):
        CHAT.ask(client)
    assert said() == ("miss", "")


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["purge"], "say what to forget: --model, --scope, --tag, --key, --older-than, or --all"),
        (["purge", "--all", "--model", "a"], "say what to forget: --model"),
        (["purge", "--all"], "where nobody can be asked, write --yes to forget all replies"),
        (["purge", "--tag", "feature", "--yes"], "--tag is not 'feature': write a name and a value, as"),
        (["purge", "--key", "abc", "--yes"], "'abc' is no beginning of a key: write 4 to 64 digits"),
        (["ls", "-n", "0"], "-n is not 0: write a whole number above 0"),
        (["ls", "--scope", "acme"], "--scope is not 'acme': write a name and a value"),
    ],
)
def test_what_is_wrong_is_said(run: Run, filled: str, argv: list[str], text: str) -> None:
    ran = run(*argv, "--store", filled)
    assert ran.code == 2
    assert ran.err.startswith(f"tokeneff cache: {text}")


def test_stores_that_are_none(run: Run, tmp_path: Path) -> None:
    assert "what memory:// keeps is in the process that asked for it" in run("stats", "--store", "memory://").err
    assert "there is no file" in run("stats", "--store", f"sqlite:///{tmp_path / 'none.db'}").err
    assert not (tmp_path / "none.db").exists()
    assert run("stats", "--store", "postgres://h/db").code == 2
    (tmp_path / "text.db").write_text("not a database " * 500)
    assert run("stats", "--store", f"sqlite:///{tmp_path / 'text.db'}").code == 2


# -- warm


def _live(lab: Lab, way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A record of one call, as a program would keep it, and the environment of live calls."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "k")
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    bare = lab.bare(way.sdk, "sync")
    reply = way.ask(bare)
    request = lab.provider.requests[-1]
    lab.provider.clear()
    return {"endpoint": request.path, "request": request.json, "response": reply.model_dump(mode="json")}


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_warm_from_recorded_requests(
    run: Run, lab: Lab, url: str, way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = _live(lab, way, tmp_path, monkeypatch)
    file = tmp_path / "calls.jsonl"
    file.write_text(json.dumps(record) + "\n\n")
    base = lab.provider.openai_url if way.sdk == "openai" else lab.provider.anthropic_url
    ran = run("warm", str(file), "--store", url, "--base-url", base, "--by", "tenant=acme")
    assert (ran.code, ran.out, ran.err) == (0, "1 reply kept\n", "")
    client = lab.client(way.sdk, "sync", tokeneff.Cache(url, by="tenant"))
    with tokeneff.tag(tenant="acme"):
        reply = way.ask(client)
        assert (said(), lab.sent) == (("hit", ""), 0)
        assert reply.model_dump(mode="json") == record["response"]
    with tokeneff.tag(tenant="globex"):
        way.ask(client)
    assert (said(), lab.sent) == (("miss", ""), 1)


def test_warm_is_of_the_account_and_place_that_it_is_told(
    run: Run, lab: Lab, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(json.dumps(_live(lab, CHAT, tmp_path, monkeypatch)))
    assert run("warm", str(file), "--store", url).code == 0
    client = lab.client("openai", "sync", tokeneff.Cache(url))
    CHAT.ask(client)
    assert said() == ("miss", ""), "it was warmed for the provider's own address"
    monkeypatch.delenv("OPENAI_API_KEY")
    ran = run("warm", str(file), "--store", url, "--base-url", lab.provider.openai_url)
    assert ran.code == 2
    assert "set its key in the environment as for live calls, or name the account" in ran.err
    assert run("warm", str(file), "--store", url, "--base-url", lab.provider.openai_url, "--account", "a").code == 0
    CHAT.ask(lab.client("openai", "sync", tokeneff.Cache(url, account="a"), api_key="another"))
    assert said() == ("hit", "")


def test_warm_for_those_who_keep_more(
    run: Run, lab: Lab, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.provider.queue(Reply(text="cut", finish_reason="length"))
    file = tmp_path / "calls.jsonl"
    file.write_text(json.dumps(_live(lab, CHAT, tmp_path, monkeypatch)))
    asked = ("warm", str(file), "--store", url, "--base-url", lab.provider.openai_url)
    assert "left out: truncated" in run(*asked).out
    assert run(*asked, "--truncated", "--ignore-header", "X-Page").code == 0
    client = lab.client("openai", "sync", tokeneff.Cache(url, truncated=True, ignore_headers="x-page"))
    CHAT.ask(client, extra_headers={"x-page": "1"})
    assert (said(), lab.sent) == (("hit", ""), 0)
    CHAT.ask(lab.client("openai", "sync", tokeneff.Cache(url)))
    assert (said(), lab.sent) == (("miss", ""), 1)


def test_warm_from_a_batch(run: Run, lab: Lab, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = _live(lab, CHAT, tmp_path, monkeypatch)
    asked, told = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": record["request"]}
    bad = {**line, "custom_id": "b", "body": {**record["request"], "seed": 3}}
    asked.write_text(f"{json.dumps(line)}\n{json.dumps(bad)}\n")
    told.write_text(
        json.dumps({"custom_id": "a", "response": {"status_code": 200, "body": record["response"]}})
        + "\n"
        + json.dumps({"custom_id": "b", "response": {"status_code": 400, "body": {"error": {}}}})
    )
    more = ["--store", url, "--base-url", lab.provider.openai_url]
    ran = run("warm", str(asked), "--results", str(told), *more)
    assert (ran.code, ran.out) == (0, "1 reply kept\n1 left out: not whole\n")
    CHAT.ask(lab.client("openai", "sync", tokeneff.Cache(url)))
    assert said() == ("hit", "")
    assert "give its output as --results FILE" in run("warm", str(asked), *more).err


def test_warm_from_a_batch_of_anthropic_s(
    run: Run, lab: Lab, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = WAYS[-1]
    record = _live(lab, way, tmp_path, monkeypatch)
    asked, told = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    asked.write_text(json.dumps({"custom_id": "a", "params": record["request"]}))
    told.write_text(json.dumps({"custom_id": "a", "result": {"type": "succeeded", "message": record["response"]}}))
    more = ["--sdk", "anthropic", "--store", url, "--base-url", lab.provider.anthropic_url]
    assert run("warm", str(asked), "--results", str(told), *more).out == "1 reply kept\n"
    assert way.ask(lab.client("anthropic", "sync", tokeneff.Cache(url))).model == CLAUDE
    assert (said(), lab.sent) == (("hit", ""), 0)


def test_what_cannot_be_kept_says_why(
    run: Run, lab: Lab, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = _live(lab, CHAT, tmp_path, monkeypatch)
    record["response"]["created"] = int(time.time())
    cut, old = json.loads(json.dumps(record)), json.loads(json.dumps(record))
    cut["response"]["choices"][0]["finish_reason"] = "length"
    old["response"]["created"] -= 90_000
    unasked = {**record, "request": None}
    elsewhere = {**record, "endpoint": "/v1/files"}
    refused = {**record, "request": {"temperature": 0}}
    file = tmp_path / "calls.jsonl"
    file.write_text("\n".join(json.dumps(one) for one in (unasked, cut, old, elsewhere, refused, record)))
    ran = run("warm", str(file), "--store", url, "--base-url", lab.provider.openai_url, "--ttl", "1d", "--json")
    left_out = dict.fromkeys(("not whole", "truncated", "too old", "no endpoint", "not accepted"), 1)
    assert (ran.code, ran.json) == (0, {"kept": 1, "left_out": left_out})
    assert lab.sent == 0


def test_a_ledger_has_no_keys(run: Run, lab: Lab, url: str, tmp_path: Path) -> None:
    ledger = tmp_path / "calls.db"
    with tokeneff.Ledger(f"sqlite:///{ledger}", content=True) as kept:
        CHAT.ask(tokeneff.wrap(lab.bare("openai", "sync"), ledger=kept))
    for name in (str(ledger), f"sqlite:///{ledger}"):
        ran = run("warm", name, "--store", url)
        assert ran.code == 2
        assert "is a ledger: that keeps what was said, and not all that was sent" in ran.err
    assert sqlite3.connect(ledger).close() is None


def test_warm_in_python(lab: Lab) -> None:
    client = lab.client("openai", "sync")
    lab.provider.queue(Reply(text="Warm"))
    reply = CHAT.ask(lab.bare("openai", "sync"))
    record = {"endpoint": "/v1/chat/completions", "request": lab.provider.requests[-1].json}
    found = tokeneff.cache.warm(client, [{**record, "response": reply.model_dump(mode="json")}])
    assert found == (1, {})
    assert CHAT.ask(client).choices[0].message.content == "Warm"
    assert tokeneff.usage(client).total.calls == 1
    with pytest.raises(ValueError, match=r"warm\(\) takes a client with a cache"):
        tokeneff.cache.warm(tokeneff.wrap(lab.bare("openai", "sync")), [])
    with pytest.raises(tokeneff.UnsupportedClient, match="blocking client"):
        tokeneff.cache.warm(lab.client("openai", "async"), [])
