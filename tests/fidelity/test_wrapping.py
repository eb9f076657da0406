"""What ``wrap()`` and ``unwrap()`` do to clients, and what they do not."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from probing.kinds import HTTP_MODULES, KINDS, Kind
from probing.observing import observe

import tokeneff
from tokeneff.testing import FakeProvider

Compared = Callable[[str, int], None]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)


@pytest.fixture
def provider() -> Any:
    with FakeProvider() as provider:
        yield provider


def state(client: Any) -> dict[str, Any]:
    """Everything in a client: what it holds, each by identity."""
    return {key: id(value) for key, value in vars(client).items()}


def looks(client: Any) -> Any:
    """Everything in a client by value; of resources, whose they are."""
    return {
        key: observe(value) if getattr(value, "_client", None) is None else (type(value), value._client is client)
        for key, value in vars(client).items()
    }


def touch(client: Any) -> None:
    """Have the resources made."""
    for name in ("chat", "responses", "messages", "models", "beta"):
        if hasattr(type(client), name):
            getattr(client, name)


@every_kind
def test_the_callers_client_is_untouched(kind: Kind, provider: FakeProvider, compared: Compared) -> None:
    client = kind.make(provider)
    touch(client)
    before, looked, was = state(client), looks(client), type(client)
    members = {name: id(value) for name, value in vars(was).items() if name != "__abstractmethods__"}
    wrapped = tokeneff.wrap(client)
    touch(wrapped)
    assert (state(client), looks(client), type(client)) == (before, looked, was)
    assert {name: id(value) for name, value in vars(was).items() if name != "__abstractmethods__"} == members
    assert wrapped is not client
    assert issubclass(type(wrapped), was)
    assert set(vars(wrapped)) - set(vars(client)) <= {"_tokeneff"} | RESOURCES
    compared(kind.family, 1)


RESOURCES = {"chat", "responses", "messages", "models", "beta"}


@every_kind
def test_unwrap_gives_the_bare_clients_equal(kind: Kind, provider: FakeProvider, compared: Compared) -> None:
    client = kind.make(provider)
    touch(client)
    bare = tokeneff.unwrap(tokeneff.wrap(client))
    touch(bare)
    assert type(bare) is type(client)
    assert looks(bare) == looks(client)
    held = {key for key in vars(client) if getattr(vars(client)[key], "_client", None) is None}
    different = {key for key in held if vars(bare)[key] is not vars(client)[key]}
    assert different <= {"_middleware_chain"}
    assert tokeneff.unwrap(client) is client
    compared(kind.family, 1)


@every_kind
def test_wrapping_twice_is_one_wrapping(kind: Kind, provider: FakeProvider, compared: Compared) -> None:
    once = tokeneff.wrap(kind.make(provider))
    assert tokeneff.wrap(once) is once
    twice = tokeneff.wrap(once, stream_usage="off")
    assert type(twice) is type(once)
    assert type(twice).__mro__[1] is kind_of(kind, provider)
    assert type(tokeneff.unwrap(twice)) is kind_of(kind, provider)
    compared(kind.family, 1)


def kind_of(kind: Kind, provider: FakeProvider) -> type:
    return type(kind.make(provider))


@every_kind
def test_copies_share_settings_and_totals(kind: Kind, provider: FakeProvider, compared: Compared) -> None:
    client = tokeneff.wrap(kind.make(provider), stream_usage="off")
    made = [copy.copy(client)]
    if "subclass" not in kind.name:
        made += [client.with_options(max_retries=1), client.copy().with_options(timeout=3).copy()]
    for one in made:
        assert type(one) is type(client)
        assert vars(one)["_tokeneff"] is vars(client)["_tokeneff"]
        assert tokeneff.usage(one) == tokeneff.usage(client)
    compared(kind.family, len(made))


class Portable(openai.OpenAI):
    """A user's client that pickles: by what it was made of."""

    def __init__(self, url: str) -> None:
        super().__init__(api_key="key", base_url=url)
        self.url = url
        self.extra = {"kept": [1]}

    def __reduce__(self) -> Any:
        return Portable, (self.url,), {"extra": self.extra}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.extra = state["extra"]


class PortableClaude(anthropic.Anthropic):
    """The same, of the other SDK."""

    def __init__(self, url: str) -> None:
        super().__init__(api_key="key", base_url=url)
        self.url = url
        self.extra = {"kept": [1]}

    def __reduce__(self) -> Any:
        return PortableClaude, (self.url,), {"extra": self.extra}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.extra = state["extra"]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", [Portable, PortableClaude])
def test_pickled_where_the_bare_one_is(kind: Any, protocol: int, provider: FakeProvider, compared: Compared) -> None:
    family = "openai" if kind is Portable else "anthropic"
    bare = kind(provider.openai_url if family == "openai" else provider.anthropic_url)
    wrapped = tokeneff.wrap(bare, stream_usage="off")
    for made in (pickle.loads(pickle.dumps(wrapped, protocol)), copy.deepcopy(wrapped)):
        assert type(made) is type(wrapped)
        assert (made.url, made.extra, made.max_retries) == (bare.url, bare.extra, bare.max_retries)
        assert made.models.list().data
        assert tokeneff.usage(made).total.calls == 1
        assert type(tokeneff.unwrap(made)) is kind
    assert tokeneff.usage(wrapped).total.calls == 0
    compared(family, 2)


def test_closing_is_shared_and_the_original_keeps_its_connections(provider: FakeProvider, compared: Compared) -> None:
    client = openai.OpenAI(api_key="k", base_url=provider.openai_url)
    wrapped = tokeneff.wrap(client)
    assert wrapped._client is client._client
    del client  # its http client closes itself when the SDK's own wrapper is let go
    assert wrapped.models.list().data
    del wrapped
    kept = openai.OpenAI(api_key="k", base_url=provider.openai_url)
    tokeneff.wrap(kept).models.list()
    assert kept.models.list().data
    compared("openai", 2)


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        (openai.OpenAI, r"takes a client, not a class: write wrap\(OpenAI\("),
        (openai, r"call tokeneff.install\(\)"),
        (None, "cannot wrap a builtins.NoneType"),
        ("a string", "cannot wrap a builtins.str"),
        (lambda: None, "OpenAI, AsyncOpenAI, AzureOpenAI, Anthropic, AsyncAnthropic"),
    ],
)
def test_what_cannot_be_wrapped(thing: Any, told: str) -> None:
    with pytest.raises(tokeneff.UnsupportedClient, match=told) as caught:
        tokeneff.wrap(thing)
    assert isinstance(caught.value, TypeError)


def test_parts_of_clients_cannot_be_wrapped(provider: FakeProvider) -> None:
    client = openai.OpenAI(api_key="k", base_url=provider.openai_url)
    with pytest.raises(tokeneff.UnsupportedClient, match="part of a client: wrap the client itself"):
        tokeneff.wrap(client.chat)
    with pytest.raises(tokeneff.UnsupportedClient, match="part of a client"):
        tokeneff.wrap(anthropic.Anthropic(api_key="k").messages)
    http = pytest.importorskip(HTTP_MODULES["openai"][-1])
    with http.Client() as own, pytest.raises(tokeneff.UnsupportedClient, match="pass it as http_client="):
        tokeneff.wrap(own)
    with pytest.raises(tokeneff.UnsupportedClient, match=r"usage\(\) takes a client that wrap\(\) returned"):
        tokeneff.usage(client)
