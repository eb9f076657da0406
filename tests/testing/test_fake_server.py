"""The provider's threads, clients, script and end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import openai
import pytest
from fake_wire import Wire, post

from tokeneff.testing import FakeProvider, RecordedRequest, Reply, Usage, faults


def test_leaving_in_mid_stream_is_noticed(provider: FakeProvider, wire: Wire) -> None:
    provider.queue(faults.slow_chunks(60, Reply(text="a b")))
    wire.send(post(b'{"stream":true}'))
    wire.head()
    next(wire.chunks())
    assert provider.disconnects == 0
    wire.close()
    provider.wait_for(lambda p: p.disconnects == 1)  # long before the next chunk


def test_leaving_a_fast_stream_is_noticed(provider: FakeProvider, wire: Wire) -> None:
    provider.queue(faults.huge(200_000_000))
    wire.send(post(b'{"stream":true}'))
    wire.head()
    wire.close()
    provider.wait_for(lambda p: p.disconnects == 1)


def test_leaving_between_requests_is_no_disconnect(provider: FakeProvider, wire: Wire) -> None:
    wire.send(post())
    wire.answer()
    wire.close()
    provider.wait_for(lambda p: not p._links)
    assert provider.disconnects == 0


def threads_of(provider: FakeProvider) -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith(f"fake-provider-{provider.port}")]


def test_close_is_prompt_and_leaves_nothing() -> None:
    provider = FakeProvider()
    provider.queue(faults.hang(), faults.slow_chunks(60), faults.slow_first_byte(60))
    wires = [Wire(provider) for _ in range(4)]
    for wire in wires[:3]:
        wire.send(post(b'{"stream":true}'))
    provider.wait_for(lambda p: len(p.requests) == 3)
    began = time.monotonic()
    provider.close()
    assert time.monotonic() - began < 4  # none of the 60 seconds
    provider.close()
    assert threads_of(provider) == []
    assert provider.disconnects == 0
    for wire in wires:
        wire.close()
    with pytest.raises(OSError, match=r"refused|timed out"):
        Wire(provider)


def test_several_at_once() -> None:
    with FakeProvider(Reply(text="one")) as one, FakeProvider("two") as two:
        said = []
        for provider in (one, two):
            with openai.OpenAI(base_url=provider.openai_url, api_key="k") as client:
                said.append(client.chat.completions.create(model="m", messages=[]).choices[0].message.content)
        assert said == ["one", "two"]
        assert one.port != two.port


def test_many_clients_at_once(provider: FakeProvider) -> None:
    provider.queue(*map(str, range(200)))
    heard: list[str] = []

    def ask() -> None:
        wire = Wire(provider)
        for _ in range(10):
            wire.send(post())
            heard.append(json.loads(wire.answer()[2])["choices"][0]["message"]["content"])
        wire.close()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(heard, key=int) == [str(n) for n in range(200)]
    assert [r.number for r in provider.requests] == list(range(1, 201))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_neither_hangs_nor_hurts(provider: FakeProvider, wire: Wire) -> None:
    wire.send(post())
    wire.answer()
    code = "provider.close()"
    child = os.fork()
    if child == 0:
        try:
            exec(code)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    wire.send(post())
    assert wire.answer()[0] == 200


def test_the_default_may_be_a_function(provider: FakeProvider, wire: Wire) -> None:
    def reply(request: RecordedRequest) -> Any:
        if request.json["model"] == "bad":
            return faults.bad_request("no such model", status=404)
        if request.json["model"] == "broken":
            raise KeyError("x")
        return Reply(text=request.json["model"] * 2) if request.json["model"] == "ab" else None

    provider.default = reply
    answers = []
    for name in ("ab", "bad", "broken", "other"):
        wire.send(post(json.dumps({"model": name}).encode()))
        answers.append(wire.answer())
    assert json.loads(answers[0][2])["choices"][0]["message"]["content"] == "abab"
    told = [json.loads(body)["error"]["message"] for _, _, body in answers[1:]]
    assert [status for status, _, _ in answers] == [200, 404, 500, 500]
    assert told == [
        "no such model",
        "the provider's default raised KeyError: 'x'",
        "the provider's default returned NoneType, not a Reply or a fault",
    ]
    assert answers[2][1]["x-should-retry"] == "false"


def test_a_request_that_cannot_be_rendered_says_so(provider: FakeProvider, wire: Wire) -> None:
    wire.send(post(b'{"n":"many"}'))
    status, headers, body = wire.answer()
    assert (status, headers["x-should-retry"]) == (500, "false")
    assert json.loads(body)["error"]["message"].startswith("the fake provider could not answer: ValueError: invalid")


def test_waiting_in_vain_says_what_came(provider: FakeProvider, wire: Wire) -> None:
    wire.send(post())
    wire.answer()
    provider.queue("x")
    with pytest.raises(TimeoutError, match=r"not so after 0\.01 s: 1 requests, 0 disconnects, 1 queued"):
        provider.wait_for(lambda p: len(p.requests) == 2, timeout=0.01)
    assert provider.wait_for(lambda p: p.requests)[0].number == 1


def test_clear_and_keep(wire: Wire, provider: FakeProvider) -> None:
    provider.queue("a", "b")
    wire.send(post())
    wire.answer()
    provider.clear()
    assert (provider.requests, provider.pending, provider.request_count) == ([], 0, 0)
    wire.send(post())
    assert json.loads(wire.answer()[2])["id"] == "chatcmpl-000001"
    with FakeProvider(keep=2) as small:
        other = Wire(small)
        for _ in range(3):
            other.send(post())
            other.answer()
        other.close()
        assert ([r.number for r in small.requests], small.request_count) == ([2, 3], 3)


def test_wrong_values_are_refused_with_words(provider: FakeProvider) -> None:
    wrong: list[tuple[Any, str]] = [
        (lambda: provider.queue(3), "queue() takes text, Reply or a fault, not int"),  # type: ignore[arg-type]
        (lambda: FakeProvider(3), "default is int"),  # type: ignore[arg-type]
        (lambda: faults.cut(Reply()), "after_chunks is Reply"),  # type: ignore[arg-type]
        (lambda: faults.cut(1, "text"), "reply is str"),  # type: ignore[arg-type]
        (lambda: faults.cut(1, ending="bang"), "choose from close, reset, end"),  # type: ignore[arg-type]
        (lambda: faults.odd_usage("x"), "choose from last_content_chunk"),  # type: ignore[arg-type]
        (lambda: Usage(input_tokens=3, cache_read=2, cache_write=2), "exceed input_tokens (3)"),
        (lambda: Usage(output_tokens=3, reasoning=4), "reasoning (4) is a part of output_tokens (3)"),
        (lambda: Usage(input_tokens=9, cache_write=1, cache_write_1h=2), "cache_write_1h (2) is a part"),
        (lambda: Reply(text="ab", chunks=["a"]), "chunks join to 'a', not to text 'ab'"),
    ]
    for make, told in wrong:
        with pytest.raises((TypeError, ValueError)) as caught:
            make()
        assert told in str(caught.value)


def test_a_process_of_its_own() -> None:
    command = [
        sys.executable,
        "-m",
        "tokeneff.testing",
        "--port",
        "0",
        "--print-url",
        "--chunks",
        "3",
        "--delay",
        "0.001",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with openai.OpenAI(base_url=f"{url}/v1", api_key="k") as client:
            chunks = list(client.chat.completions.create(model="m", messages=[], stream=True))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["", " token", " token", " token", None]
