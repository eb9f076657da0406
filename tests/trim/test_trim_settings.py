"""Clients that trim, copied, wrapped again, pickled and forked: what was asked for goes with them, and what is kept."""

from __future__ import annotations

import copy
import os
import pickle
import uuid
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from test_trim_calls import chat

import tokeneff
from tokeneff._settings import settings_of
from tokeneff.testing import FakeProvider, Reply, Usage
from tokeneff.trim import Output

BODY = chat(3)


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(Reply(text="done", usage=Usage(input_tokens=900, output_tokens=5))) as made:
        yield made


@pytest.fixture
def bare(provider: FakeProvider) -> Iterator[openai.OpenAI]:
    http = openai.DefaultHttpxClient(verify=False, trust_env=False)
    with openai.OpenAI(base_url=provider.openai_url, api_key="k", max_retries=0, http_client=http) as made:
        yield made


def trim(**more: Any) -> tokeneff.Trim:
    return tokeneff.Trim(store=f"memory://{uuid.uuid4().hex}", **more)


def sent(provider: FakeProvider) -> list[bool]:
    """Of each request, whether it was trimmed; all that were are the same."""
    found = [request.json["messages"] != BODY["messages"] for request in provider.requests]
    assert len({request.body for request, shorter in zip(provider.requests, found, strict=True) if shorter}) == 1
    return found


def test_copies_trim_and_one_that_is_wrapped_again_does_as_it_is_told(
    provider: FakeProvider, bare: openai.OpenAI
) -> None:
    client = tokeneff.wrap(bare, trim=trim())
    for one in (
        client,
        client.with_options(timeout=5),
        client.copy(),
        tokeneff.wrap(client),
        tokeneff.wrap(client, trim=False),
        tokeneff.wrap(tokeneff.wrap(client, trim=False), trim=trim()),
        tokeneff.unwrap(client),
        client,
    ):
        one.chat.completions.create(**BODY)
    assert sent(provider) == [True, True, True, True, False, True, False, True]


def test_what_is_asked_for_is_pickled_with_the_settings(bare: openai.OpenAI) -> None:
    asked = trim(
        max_input_tokens=9_000, lossy="logs", keep_tools="read", holdout=0.5, by="user", output=Output(max_tokens=99)
    )
    for given in (asked, True, False):
        settings = settings_of(tokeneff.wrap(bare, trim=given))
        for again in (pickle.loads(pickle.dumps(settings)), copy.deepcopy(settings)):
            assert again.arguments["trim"] == (tokeneff.Trim() if given is True else given)
            assert len(again.policies) == len(settings.policies)


def test_a_client_that_writes_summaries_stays_where_it_is(provider: FakeProvider, bare: openai.OpenAI) -> None:
    summarise = tokeneff.trim.Summarise(bare, "gpt-4.1-nano")
    asked = trim(summarise=summarise, keep_tools="read")
    with pytest.raises((TypeError, pickle.PicklingError)):
        pickle.dumps(asked)
    client = tokeneff.wrap(bare, trim=asked)
    again = pickle.loads(pickle.dumps(settings_of(client)))
    assert again.arguments["trim"] == tokeneff.Trim(store=asked.store, keep_tools="read")
    assert settings_of(client).arguments["trim"].summarise is summarise
    assert hash(asked) != hash(again.arguments["trim"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_sends_the_same(provider: FakeProvider, bare: openai.OpenAI) -> None:
    client = tokeneff.wrap(bare, trim=trim())
    client.chat.completions.create(**BODY)
    child = os.fork()
    if not child:
        code = 1
        try:
            client.with_options(http_client=openai.DefaultHttpxClient(verify=False)).chat.completions.create(**BODY)
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    client.chat.completions.create(**BODY)
    assert sent(provider) == [True, True, True]
