"""Calls through the real client, and what the ledger then has of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from openai import OpenAI

import tokeneff
from tokeneff.ledger import read
from tokeneff.testing import FakeProvider, Reply, Usage

MESSAGES = [{"role": "user", "content": "hello"}]


def test_a_call_is_on_record(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    with FakeProvider() as provider:
        provider.queue(Reply(text="hi", usage=Usage(input_tokens=10, output_tokens=4)))
        client = tokeneff.wrap(OpenAI(base_url=provider.openai_url, api_key="test"), ledger=url)
        with tokeneff.tag(user="u1", feature="greet", session="s9", number=7):
            reply = client.chat.completions.create(model="gpt-5", messages=MESSAGES)
        host = str(client.base_url).split("/")[2]
    with tokeneff.Ledger(url) as ledger:
        (found,) = read(ledger)
    assert found._replace(call_id="", time=0, duration=0, cost=0)[:22] == (
        "", 0, 0, None, "chat", "openai", "openai", host, "gpt-5", reply.model, found.service_tier, "s9", reply.id,
        False, "read", "", 200, "stop", 0, 0, "provider", 10,
    )  # fmt: skip
    assert found.output_tokens == 4
    assert found.in_user == 10
    assert found.tags == (("feature", "greet"), ("number", "7"), ("session", "s9"), ("user", "u1"))
    assert found.content is None
    assert len(found.call_id) == 32
    assert found.duration is not None
    assert found.duration > 0


CLIENTS = """
import os, sys
import openai.resources.chat
from openai import OpenAI
import tokeneff, tokeneff._install, tokeneff._wrap, tokeneff.adapters.openai, tokeneff.ledger, tokeneff.tokens
url, base, processes, count = *sys.argv[1:3], *map(int, sys.argv[3:])
tokeneff.Prices().preload()
tokeneff.tokens.counter().await_vocabulary("gpt-5", 20)
children = []
for _ in range(processes):  # all begin here, so that what is heavy is loaded once
    child = os.fork()
    if not child:
        client = tokeneff.wrap(OpenAI(base_url=base, api_key="test"), ledger=url)
        for _ in range(count):
            client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "hello"}])
        raise SystemExit
    children.append(child)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_processes_with_clients_of_their_own(tmp_path: Path) -> None:
    url, processes, count = f"sqlite:///{tmp_path}/calls.db", 3, 5
    with FakeProvider() as provider:
        told = [url, provider.openai_url, str(processes), str(count)]
        done = subprocess.run([sys.executable, "-c", CLIENTS, *told], capture_output=True, text=True, timeout=300)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(provider.requests) == processes * count
    found = list(read(url))
    assert len({record.call_id for record in found}) == len(found) == processes * count
    assert len({record.response_id for record in found}) == processes * count
