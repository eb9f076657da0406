"""No reply crosses a wall: of tags, of accounts, of places where calls go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from cache_lab import CHAT, GPT, Lab, fresh, said
from hypothesis import given, settings
from hypothesis import strategies as st

import tokeneff
from tokeneff.cache._place import settled
from tokeneff.testing import FakeProvider, RecordedRequest, Reply, ToolCall

TENANTS: tuple[Any, ...] = ("acme", "globex", "", "1", 1, 1.0, True, "True", "(none)", "acme,user=1", "a=b", None)
KEYS = ("k1", "k2")
ORGS = (None, "org-1")
CALLS = st.tuples(
    st.sampled_from(TENANTS),
    st.sampled_from(("u1", "u2", "acme")),
    st.sampled_from(KEYS),
    st.sampled_from(ORGS),
    st.integers(0, 1),
    st.booleans(),
)


class Town:
    """Two providers, whose replies say which request they were made for, and clients of several accounts."""

    def __init__(self) -> None:
        from openai import OpenAI

        self.providers = [FakeProvider(self._number(place)) for place in (0, 1)]
        self.clients = {
            (key, org, place): OpenAI(base_url=provider.openai_url, api_key=key, organization=org, max_retries=0)
            for place, provider in enumerate(self.providers)
            for key in KEYS
            for org in ORGS
        }

    @staticmethod
    def _number(place: int) -> Any:
        def answer(request: RecordedRequest) -> Reply:
            return Reply(text=f"{place} {request.number}")

        return answer

    def close(self) -> None:
        for client in self.clients.values():
            client.close()
        for provider in self.providers:
            provider.close()


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    made = Town()
    yield made
    made.close()


def asked(client: Any, tags: dict[str, Any], stream: bool) -> str:
    with tokeneff.tag(**tags):
        reply = client.chat.completions.create(
            model=GPT, messages=[{"role": "user", "content": "Whose?"}], temperature=0, stream=stream
        )
        if not stream:
            return reply.choices[0].message.content
        return "".join(event.choices[0].delta.content or "" for event in reply if event.choices)


@settings(deadline=None, max_examples=2_000 if os.environ.get("TOKENEFF_SOAK") == "1" else 40)
@given(calls=st.lists(CALLS, min_size=2, max_size=12), by=st.sampled_from(((), ("tenant",), ("tenant", "user"))))
def test_no_reply_crosses_a_wall(town: Town, calls: list[Any], by: tuple[str, ...]) -> None:
    cache = tokeneff.Cache(fresh(), by=by)
    owners: dict[str, Any] = {}
    known: set[Any] = set()
    for tenant, user, key, org, place, stream in calls:
        client = tokeneff.wrap(town.clients[key, org, place], cache=cache)
        tags = {"tenant": tenant, "user": user}
        text = asked(client, tags, stream)
        mine = (*((type(tags[name]), tags[name]) for name in by), key, org, place)
        assert owners.setdefault(text, mine) == mine, "a reply that was made for somebody else"
        assert text.startswith(f"{place} ")
        call = tokeneff.last()
        assert call is not None
        assert call.served is not None
        if "tenant" in by and tenant is None:
            assert call.served[:2] == ("bypass", "no tag tenant")
        elif not stream:
            assert (call.served.said == "hit") >= ((mine, "whole") in known), "nobody is shut out of their own"
            known.add((mine, "whole"))


def test_an_account_that_is_named_is_one_whatever_the_key(town: Town) -> None:
    cache = tokeneff.Cache(fresh(), account="ours")
    first, second = (tokeneff.wrap(town.clients[key, None, 0], cache=cache) for key in KEYS)
    other = tokeneff.wrap(town.clients["k1", None, 1], cache=cache)
    assert asked(first, {}, False) == asked(second, {}, False) != asked(other, {}, False)


TOOL = {"type": "function", "function": {"name": "send_mail", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    ("more", "less", "asked", "reply"),
    [
        ({"truncated": True}, {}, {}, Reply(text="cut", finish_reason="length")),
        ({}, {"exclude_tools": "send_mail"}, {"tools": [TOOL]}, Reply(tool_calls=(ToolCall("send_mail", {}),))),
        (
            {},
            {"exclude_tools": "send_mail"},
            {"functions": [TOOL["function"]]},
            Reply(tool_calls=(ToolCall("send_mail", {}),)),
        ),
        ({"ignore_headers": "x-page"}, {}, {"extra_headers": {"X-Page": "1"}}, Reply(text="page 1")),
    ],
)
async def test_who_keeps_less_is_not_served_what_others_of_the_store_keep(
    lab: Lab, more: dict[str, Any], less: dict[str, Any], asked: dict[str, Any], reply: Reply
) -> None:
    lab.provider.queue(reply)
    keeps, minds = lab.client("openai", "sync", more), lab.client("openai", "sync", less)
    CHAT.ask(keeps, **asked)
    settled()
    CHAT.ask(keeps, **asked)
    assert said() == ("hit", "")
    asked.pop("extra_headers", None)
    CHAT.ask(minds, **asked)
    assert (said()[0], lab.sent) == ("miss", 2)


async def test_who_excludes_tools_shares_all_that_calls_none(lab: Lab) -> None:
    CHAT.ask(lab.client("openai", "sync"))
    CHAT.ask(lab.client("openai", "sync", {"exclude_tools": "send_mail"}))
    assert (said(), lab.sent) == (("hit", ""), 1)
