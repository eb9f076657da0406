"""Whose a key is: by credentials that can be compared, by the very object where they cannot, or as the owner says."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from contextvars import ContextVar
from typing import Any

import anthropic
import openai
import pytest
from cache_key_kit import Ask, call_of, chat, client, http, key, messages, wrapped

from tokeneff.cache._key import key_of, scope_of

AZURE = {"azure_endpoint": "https://r.openai.azure.com", "api_version": "2024-10-21"}
VERTEX = {"region": "us-east5", "project_id": "p"}
BEDROCK = {"aws_region": "us-east-1", "aws_access_key": "a", "aws_secret_key": "s"}


def azure(**options: Any) -> Any:
    return wrapped(openai.AzureOpenAI(**{**AZURE, "http_client": http(), **options}))


def bedrock(**options: Any) -> Any:
    return wrapped(anthropic.AnthropicBedrock(**{**BEDROCK, "http_client": http("anthropic"), **options}))


def vertex(**options: Any) -> Any:
    return wrapped(anthropic.AnthropicVertex(**{**VERTEX, "http_client": http("anthropic"), **options}))


def never() -> str:
    raise AssertionError("a provider of tokens was called")


def test_what_does_not_leave_does_not_count() -> None:
    made = client()
    known = key(chat(), made)
    same = [
        client(),
        client(flavour="async"),
        client(timeout=5.0, max_retries=7),
        made.with_options(timeout=3.0),
        made.copy(),
        client(default_headers={"User-Agent": "x", "X-Request-Id": "1", "traceparent": "00-1"}),
        client(http_client=http(timeout=3.0)),
    ]
    assert {key(chat(), one) for one in same} == {known}
    assert key(chat(timeout=5.0, extra_headers={"Idempotency-Key": "1", "X-Stainless-Foo": "1"}), made) == known


def test_a_client_changed_in_place_is_another() -> None:
    made = client()
    keys = [key(chat(), made)]
    for name, value in (("api_key", "other"), ("organization", "org"), ("base_url", "https://other.example/v1")):
        setattr(made, name, value)
        keys.append(key(chat(), made))
    made._custom_headers = {"X-Tenant": "a"}
    keys.append(key(chat(), made))
    made._custom_headers["X-Tenant"] = "b"
    keys.append(key(chat(), made))
    made._client.headers["X-Http"] = "c"
    keys.append(key(chat(), made))
    assert len(set(keys)) == len(keys)


def test_a_header_counts_wherever_it_was_given() -> None:
    at_the_client = client(default_headers={"X-Tenant": "a"})
    below = client(http_client=http(headers={"x-tenant": "a"}))
    known = key(chat(extra_headers={"x-tenant": "a"}))
    assert known == key(chat(), at_the_client) == key(chat(), below)
    assert known != key(chat()) != key(chat(extra_headers={"x-tenant": "b"}))
    assert key(chat(extra_headers={"X-Tenant": openai.Omit()}), at_the_client) == key(chat())
    assert key(chat(), at_the_client, ignore_headers=frozenset({"x-tenant"})) == key(chat())


def test_the_account_of_a_call_counts_even_where_the_owner_names_the_clients() -> None:
    call = chat(extra_headers={"Authorization": "Bearer other"})
    assert len({key(call), key(chat()), key(chat(extra_headers={"Authorization": openai.Omit()}))}) == 3
    assert key(call, account="acme") != key(chat(), account="acme")


def test_an_account_by_name_stands_for_the_credentials_and_for_nothing_else() -> None:
    one, other = client(api_key="a"), client(api_key="b")
    assert key(chat(), one, account="acme") == key(chat(), other, account="acme")
    assert key(chat(), one, account="acme") != key(chat(), one, account="other") != key(chat(), one)
    elsewhere = client(base_url="https://other.example/v1")
    assert key(chat(), elsewhere, account="acme") != key(chat(), one, account="acme")
    assert key(chat(), client(organization="o"), account="acme") != key(chat(), one, account="acme")


def test_the_secret_of_a_cache_changes_every_key() -> None:
    keys = {key(chat(), secret=secret) for secret in (b"", b"a", b"b" * 32, b"b" * 64, b"b" * 63 + b"c")}
    assert len(keys) == 5


def test_scopes_are_typed_and_a_tag_that_is_missing_makes_none() -> None:
    values: list[Any] = [1, "1", True, 1.0, "True", 0, False, "", "a"]
    assert len({key(chat(), scope=(("tenant", value),)) for value in values}) == len(values)
    assert key(chat(), scope=(("a", "b,c=d"),)) != key(chat(), scope=(("a", "b"), ("c", "d")))
    assert scope_of(("tenant", "user"), {"user": 1, "tenant": "a"}) == (("tenant", "a"), ("user", 1))
    assert scope_of(("tenant", "user"), {"tenant": "a"}) == "user"
    assert scope_of((), {}) == ()


def test_policies_and_left_out_fields() -> None:
    assert len({key(chat(), policies=names) for names in ((), ("trim 1",), ("trim 2",), ("trim", "1"))}) == 4
    left_out = frozenset({"user"})
    assert key(chat(user="a"), ignore=left_out) == key(chat(user="b"), ignore=left_out) == key(chat())


def test_tokens_that_are_made_anew_are_never_asked_for() -> None:
    made, other = azure(azure_ad_token_provider=never), azure(azure_ad_token_provider=lambda: never())
    assert key(chat(), made) == key(chat(), azure(azure_ad_token_provider=never))
    assert key(chat(), made) != key(chat(), other)
    assert key(chat(), made, account="acme") == key(chat(), other, account="acme")


def test_a_key_that_is_made_anew_may_change_between_calls() -> None:
    made = client(api_key=never)
    known = key(chat(), made)
    made.api_key = "what it gave last"
    assert key(chat(), made) == known == key(chat(), client(api_key=never))
    assert key(chat(), client(api_key=lambda: never())) != known


def test_azure_deployments_versions_and_tokens() -> None:
    clients = [
        azure(api_key="k"),
        azure(api_key="k", azure_deployment="d"),
        azure(api_key="k", api_version="2025-01-01"),
        azure(api_key="k", azure_endpoint="https://s.openai.azure.com"),
        azure(api_key="l"),
        azure(azure_ad_token="k"),
        client(),
    ]
    assert len({key(chat(), one) for one in clients}) == len(clients)
    assert key(chat(), azure(api_key="k")) == key(chat(), wrapped(openai.AsyncAzureOpenAI(**{**AZURE, "api_key": "k"})))


def test_bedrock_regions_and_credentials() -> None:
    clients = [
        bedrock(),
        bedrock(aws_region="eu-west-1"),
        bedrock(aws_secret_key="t"),
        bedrock(aws_session_token="t"),
        bedrock(aws_access_key=None, aws_secret_key=None),
        client("anthropic"),
    ]
    assert len({key(messages(), one) for one in clients}) == len(clients)
    assert key(messages(), bedrock()) == key(messages(), bedrock())
    ambient = {"aws_access_key": None, "aws_secret_key": None}
    assert key(messages(), bedrock(**ambient)) == key(messages(), bedrock(**ambient))


def test_vertex_projects_regions_and_credentials() -> None:
    class Credentials:
        expired, token = False, "t"

    held = Credentials()
    clients = [
        vertex(access_token="a"),
        vertex(access_token="b"),
        vertex(access_token="a", region="europe-west1"),
        vertex(access_token="a", project_id="q"),
        vertex(),
        vertex(credentials=held),
        vertex(credentials=Credentials()),
    ]
    assert len({key(messages(), one) for one in clients}) == len(clients)
    assert key(messages(), vertex(credentials=held)) == key(messages(), vertex(credentials=held))


def test_cookies_count_but_for_those_of_front_ends() -> None:
    def with_cookies(**cookies: str) -> Any:
        return client(http_client=http(cookies=cookies))

    assert key(chat(), with_cookies(session="a")) != key(chat(), with_cookies(session="b"))
    assert key(chat(), with_cookies(__cf_bm="a", _cfuvid="b")) == key(chat())


def test_what_cannot_be_seen_stands_for_itself() -> None:
    def hook(request: Any) -> None:
        never()

    def hooked(function: Any) -> Any:
        return client(http_client=http(event_hooks={"request": [function]}))

    assert key(chat(), hooked(hook)) == key(chat(), hooked(hook))
    assert len({key(chat(), hooked(hook)), key(chat(), hooked(lambda request: None)), key(chat())}) == 3
    assert key(chat(), hooked(hook), account="acme") == key(chat(), account="acme")
    basic = [client(http_client=http(auth=("u", word))) for word in ("a", "b")]
    assert len({key(chat(), made) for made in basic}) == 2


def test_a_transport_of_ones_own_may_sign_what_leaves() -> None:
    plain = type(http()._transport)

    class Signing(plain):  # type: ignore[valid-type, misc]
        def handle_request(self, request: Any) -> Any:
            never()

    class Sending(openai.DefaultHttpxClient):
        def send(self, *args: Any, **options: Any) -> Any:
            never()

    class Named(openai.DefaultHttpxClient):
        """Changes nothing of what is sent."""

    one, other = Signing(), Signing()
    signed = [client(http_client=http(transport=made)) for made in (one, other, one)]
    keys = [key(chat(), made) for made in signed]
    assert keys[0] == keys[2] != keys[1] != key(chat())
    assert key(chat(), signed[0], account="acme") == key(chat(), account="acme")
    assert key(chat(), client(http_client=http(mounts={"https://": one}))) == keys[0]
    assert key(chat(), client(http_client=http(mounts={"https://": plain(verify=False)}))) == key(chat())
    senders = [client(http_client=Sending(verify=False)) for _ in range(2)]
    assert len({*(key(chat(), made) for made in senders), key(chat())}) == 3
    assert key(chat(), client(http_client=Named(verify=False))) == key(chat())


def test_a_transport_that_is_put_in_later_counts() -> None:
    made = client()
    before = key(chat(), made)
    made._client._transport = type("Own", (type(made._client._transport),), {})(verify=False)
    assert key(chat(), made) != before


TENANT: ContextVar[str] = ContextVar("TENANT", default="nobody")


class Tenants(openai.OpenAI):
    @property
    def default_headers(self) -> dict[str, Any]:
        return {**super().default_headers, "X-Tenant": TENANT.get()}


class Signing(openai.OpenAI):
    def _prepare_options(self, options: Any) -> Any:
        never()


class SigningOtherwise(openai.OpenAI):
    def _prepare_options(self, options: Any) -> Any:
        return options


def test_clients_of_a_subclass() -> None:
    made = wrapped(Tenants(api_key="k", base_url="https://host.example/v1"))
    nobody = key(chat(), made)
    token = TENANT.set("acme")
    assert key(chat(), made) != nobody
    TENANT.reset(token)
    assert key(chat(), made) == nobody
    options = {"api_key": "k", "base_url": "https://host.example/v1"}
    signing = [wrapped(kind(**options)) for kind in (Signing, SigningOtherwise, Signing)]
    keys = [key(chat(), one) for one in signing]
    assert keys[0] == keys[2] != keys[1] != key(chat())


def keys_here() -> list[str]:
    """Of clients whose credentials can be compared, and then of those whose cannot."""
    made = [
        (client(), chat()),
        (client("anthropic"), messages()),
        (azure(api_key="k"), chat()),
        (bedrock(), messages()),
        (vertex(access_token="a"), messages()),
        (azure(azure_ad_token_provider=never), chat()),
        (bedrock(aws_access_key=None, aws_secret_key=None), messages()),
        (vertex(), messages()),
    ]
    return [key(ask, one).hex() for one, ask in made]


def test_processes_share_what_can_be_shown_to_be_equal_and_nothing_else() -> None:
    here = os.path.dirname(__file__)
    home = os.path.dirname(os.path.dirname(here))
    run = "import sys; sys.path[:0] = sys.argv[1:]; import test_cache_key_accounts as it; print(*it.keys_here())"
    done = subprocess.run(
        [sys.executable, "-c", run, home, here], capture_output=True, text=True, timeout=120, check=True
    )
    one, other = keys_here(), done.stdout.split()
    assert len(other) == 8
    assert one[:5] == other[:5]
    assert not set(one[5:]) & set(other[5:])


def test_a_client_that_is_gone_leaves_nothing_behind() -> None:
    import gc

    from tokeneff.cache import _account, _objects

    def used() -> tuple[int, int]:
        gc.collect()
        return len(_account._known), len(_objects._identities)

    before = used()
    for number in range(3):
        provider = object.__new__(type("Provider", (), {"__call__": lambda self: never()}))
        for made in (client(api_key=str(number)), client(api_key=provider)):
            key(chat(), made)
        del made, provider
    assert used() == before


@pytest.mark.parametrize(
    ("made", "ask"),
    [
        (client(), chat()),
        (client("anthropic"), messages()),
        (azure(azure_ad_token_provider=never), chat()),
        (bedrock(), messages()),
        (vertex(), messages()),
    ],
)
def test_a_client_is_looked_at_once(made: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokeneff.cache import _account

    call = call_of(made, ask)
    known = key_of(call)
    monkeypatch.setattr(_account, "_found", lambda *_: never())
    assert key_of(call) == known


def test_credentials_that_cannot_be_compared_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="tokeneff"):
        key(chat(), client())
        key(chat(), azure(azure_ad_token_provider=never), account="acme")
        assert not caplog.records
        for provider in (never, lambda: never()):
            key(chat(), azure(azure_ad_token_provider=provider))
    assert [record.args for record in caplog.records] == [("AzureOpenAI",)]
