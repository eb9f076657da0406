"""A model that fetches back what was left out, through the SDKs and the loops that callers write around them."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from trim_clients import FLAVOURS, Clients
from trim_recall_kit import (
    ANSWER,
    LOG,
    MODELS,
    NAME,
    QUESTION,
    SYSTEM,
    body_of,
    create,
    curious,
    loop,
    ready,
    recalling,
    results,
    tools_of,
)

import tokeneff
from tokeneff.testing import FakeProvider
from tokeneff.trim.memo._vault import Vault

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(curious) as made:
        yield made


@pytest.fixture
def wrapped(bare: Clients) -> Callable[..., Any]:
    """Makes wrapped clients on the provider."""

    def make(dialect: str, flavour: str = "sync", trim: tokeneff.Trim | None = None) -> Any:
        sdk = "anthropic" if dialect == "messages" else "openai"
        return tokeneff.wrap(bare(sdk, flavour), trim=recalling() if trim is None else trim)

    return make


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("dialect", MODELS)
async def test_a_model_gets_back_what_it_asks_for(
    provider: FakeProvider, wrapped: Any, dialect: str, flavour: str, streamed: bool
) -> None:
    client = wrapped(dialect, flavour)
    assert await loop(client, dialect, tokeneff.recall(client), streamed=streamed) == ANSWER
    first, second, third = (results(request.json) for request in provider.requests)
    assert first == []
    assert len(second[0]) < len(LOG) / 2
    assert f"[all {len(LOG)} characters: recall_left_out(" in second[0]
    assert third == [second[0], LOG]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_anthropic_s_tool_runner_answers_it(
    provider: FakeProvider, wrapped: Any, flavour: str, streamed: bool
) -> None:
    import anthropic

    def run(command: str) -> str:
        """Runs."""
        return LOG

    async def arun(command: str) -> str:
        """Runs."""
        return LOG

    client = wrapped("messages", flavour)
    own = anthropic.beta_tool(run) if flavour == "sync" else anthropic.beta_async_tool(name="run")(arun)
    # Where the server holds the conversation, nothing of it is sent again, and nothing of it can be left out.
    whole = {"thread": False} if "thread" in signature(client.beta.messages.tool_runner).parameters else {}
    runner = client.beta.messages.tool_runner(
        model=MODELS["messages"],
        max_tokens=100,
        system=SYSTEM,
        messages=[{"role": "user", "content": QUESTION}],
        tools=[tokeneff.recall(client).anthropic_runnable(), own],
        stream=streamed,
        **whole,
    )
    if flavour == "sync":
        for turn in runner:
            last = turn.get_final_message() if streamed else turn
    else:
        async for turn in runner:
            last = await turn.get_final_message() if streamed else turn
    assert last.content[0].text == ANSWER
    _, second, third = (results(request.json) for request in provider.requests)
    assert (len(second[0]) < len(LOG) / 2, third) == (True, [second[0], LOG])


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_openai_s_tool_runner_answers_it(provider: FakeProvider, wrapped: Any, flavour: str) -> None:
    runners = pytest.importorskip("openai.lib.responses_tool_runner", reason="this line of the SDK has no tool runner")

    async def arun(arguments: Any) -> str:
        return LOG

    client = wrapped("responses", flavour)
    tool = tokeneff.recall(client)
    own, asked = (
        tools_of("responses", None)[0],
        {"model": MODELS["responses"], "instructions": SYSTEM, "input": QUESTION},
    )
    if flavour == "sync":
        functions = [runners.RegisteredFunction(tool.responses, tool), runners.RegisteredFunction(own, lambda _: LOG)]
        reply = runners.ResponsesToolRunner(functions=functions).run(client, asked)
    else:
        kind = runners.AsyncRegisteredFunction
        functions = [kind(tool.responses, tool.acall), kind(own, arun)]
        reply = await runners.AsyncResponsesToolRunner(functions=functions).run(client, asked)
    assert reply.output_text == ANSWER
    _, second, third = (results(request.json) for request in provider.requests)
    assert (len(second[0]) < len(LOG) / 2, third) == (True, [second[0], LOG])


async def test_without_the_tool_it_is_as_without_recall(
    provider: FakeProvider, wrapped: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for trim in (recalling(), recalling(recall=False)):
        with caplog.at_level(logging.WARNING, "tokeneff"):
            assert await loop(wrapped("chat", trim=trim), "chat", None) == ANSWER
    sent = [results(request.json) for request in provider.requests]
    assert (sent[0], sent[1], sent[2:]) == ([], sent[3], sent[:2])
    assert "recall_left_out" not in sent[1][0]
    assert LOG.endswith(sent[1][0][-2000:])
    (told,) = [record.getMessage() for record in caplog.records if record.name == "tokeneff"]
    assert "do not hold recall_left_out" in told


async def test_a_request_without_tools_needs_no_warning(
    provider: FakeProvider, wrapped: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wrapped("chat").chat.completions.create(model="gpt-4.1-mini", messages=[{"role": "user", "content": QUESTION}])
    assert [record for record in caplog.records if record.name == "tokeneff"] == []


async def test_only_the_kinds_that_were_named_leave_something_out(provider: FakeProvider, wrapped: Any) -> None:
    client = wrapped("chat", trim=recalling(lossy="html"))
    assert await loop(client, "chat", tokeneff.recall(client)) == ANSWER
    assert "recall_left_out" not in str(results(provider.requests[-1].json))


@pytest.mark.parametrize("dialect", MODELS)
async def test_what_a_limit_clears_can_be_fetched_too(provider: FakeProvider, wrapped: Any, dialect: str) -> None:
    """Also what the model has fetched already: under the same name."""
    client = wrapped(dialect, trim=recalling(max_input_tokens=9_000))
    tool, texts = tokeneff.recall(client), [f"{turn}: {LOG[: 14_000 - turn]}" for turn in range(5)]
    name = Vault(tool._memo).keep(texts[2])
    calls = [("run", {}, texts[0]), ("run", {}, texts[1]), (tool.name, {"name": name}, texts[2])]
    calls += [("run", {}, text) for text in texts[3:]]
    await ready(create(client, dialect)(**body_of(dialect, tools_of(dialect, tool), calls)))
    sent = results(provider.requests[0].json)
    cleared = {at: one for at, one in enumerate(sent) if one.startswith("[Left out of this result of ")}
    assert cleared.keys() >= {1, 2}
    assert cleared[2].startswith(f"[Left out of this result of {tool.name}: ")
    for at, one in cleared.items():
        assert tool(name=NAME.search(one)[1], lines="") == texts[at]  # type: ignore[index]
    assert NAME.search(cleared[2])[1] == name  # type: ignore[index]


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_one_tenant_s_texts_are_not_another_s(
    provider: FakeProvider, wrapped: Any, store: str, tmp_path: Path
) -> None:
    more = {"store": f"sqlite:///{tmp_path}/trim.db"} if store == "sqlite" else {}
    client = wrapped("chat", "async", recalling(by="user", **more))
    tool = tokeneff.recall(client)
    with tokeneff.tag(user="a", feature="chat"):
        assert await loop(client, "chat", tool) == ANSWER
    name = NAME.search(results(provider.requests[1].json)[0])[1]  # type: ignore[index]
    refused = "No text was given back: there is none of this name"
    assert tool(name=name).startswith(refused)
    with tokeneff.tag(user="b"):
        assert tool(name=name).startswith(refused)
        assert (await tool.acall(name=name)).startswith(refused)
    with tokeneff.tag(user="a"):
        assert (tool(name=name), await tool.acall(name=name)) == (LOG, LOG)


async def test_another_process_answers_from_a_store_that_is_sealed(
    provider: FakeProvider, wrapped: Any, tmp_path: Path
) -> None:
    pytest.importorskip("cryptography")
    trim = recalling(store=f"sqlite:///{tmp_path}/trim.db", key=KEY)
    client = wrapped("chat", "async", trim)
    assert await loop(client, "chat", tokeneff.recall(client)) == ANSWER
    assert results(provider.requests[2].json)[1] == LOG
    assert not any(b"compiled and linked" in path.read_bytes() for path in files(tmp_path))
    name = NAME.search(results(provider.requests[1].json)[0])[1]  # type: ignore[index]
    told = elsewhere(pickle.dumps(tokeneff.recall(trim)).hex(), name)
    assert (told.stdout, told.stderr) == (f"{len(LOG)} {LOG.splitlines()[150]}\n", "")


def elsewhere(*given: str) -> subprocess.CompletedProcess[str]:
    script = (
        "import sys, pickle, tokeneff\n"
        "tool = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "print(len(tool(sys.argv[2])), tool({'name': sys.argv[2], 'lines': '151'}))"
    )
    return subprocess.run([sys.executable, "-c", script, *given], capture_output=True, text=True)


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())
