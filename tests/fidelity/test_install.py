"""``install()``: clients that others construct, wrapped; and everything as it was after ``uninstall()``."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from probing.comparing import differences
from probing.kinds import KINDS, Kind
from probing.observing import header_pairs, observe
from probing.speaking import HELLO

import tokeneff
from tokeneff.testing import FakeProvider

Compared = Callable[[str, int], None]
BASES = [getattr(sdk._base_client, name) for sdk in (openai, anthropic) for name in ("SyncAPIClient", "AsyncAPIClient")]


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture(autouse=True)
def _uninstalled() -> Iterator[None]:
    before = [(dict(vars(base)), list(sys.meta_path)) for base in BASES]
    yield
    tokeneff.uninstall()
    assert [(dict(vars(base)), list(sys.meta_path)) for base in BASES] == before


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
def test_constructed_clients_are_wrapped(kind: Kind, provider: FakeProvider, compared: Compared) -> None:
    bare = kind.make(provider)
    tokeneff.install()
    client = kind.make(provider)
    tokeneff.uninstall()
    after = kind.make(provider)
    assert tokeneff.usage(client).total.calls == 0
    assert type(client) is type(tokeneff.wrap(bare))
    assert set(vars(client)) - set(vars(bare)) == {"_tokeneff"}
    assert (type(after), set(vars(after))) == (type(bare), set(vars(bare)))
    assert type(tokeneff.unwrap(client)) is type(bare)
    compared(kind.family, 1)


def module_level(provider: FakeProvider) -> tuple[list[Any], Any]:
    """What code gets that uses the module and builds no client, and the client that the module built."""
    provider.queue("one", "two three")
    openai.api_key, openai.base_url = "key", f"{provider.openai_url}/"
    openai._reset_client()
    try:
        whole = openai.chat.completions.create(model="m", messages=HELLO)
        chunks = list(openai.chat.completions.create(model="m", messages=HELLO, stream=True))
        models = list(openai.models.list())
        raw = openai.chat.completions.with_raw_response.create(model="m", messages=HELLO)
        sent = [(one.method, one.path, one.body, header_pairs(one.headers)) for one in provider.requests]
        return [observe(whole), observe(chunks), observe(models), observe(raw.parse()), sent], openai._load_client()
    finally:
        openai._reset_client()
        openai.api_key = openai.base_url = None


def test_at_module_level(provider: FakeProvider, compared: Compared) -> None:
    bare, client = module_level(provider)
    assert "_tokeneff" not in vars(client)
    with FakeProvider() as other:
        tokeneff.install()
        wrapped, client = module_level(other)
    assert differences(bare, wrapped) == []
    assert tokeneff.usage(client).total.calls == 4
    compared("openai", 4)


def test_copies_and_the_constructor_of_a_subclass(provider: FakeProvider, compared: Compared) -> None:
    class Own(openai.OpenAI):
        def __init__(self) -> None:
            super().__init__(api_key="k", base_url=provider.openai_url)
            self.listed = self.models.list().data  # what is called while it is constructed is seen, too

    tokeneff.install(stream_usage="off")
    client = Own()
    assert isinstance(client, Own)
    assert tokeneff.usage(client).total.calls == 1
    plain = openai.OpenAI(api_key="k", base_url=provider.openai_url)
    for made in (plain.with_options(timeout=3), plain.copy().copy(max_retries=0)):
        assert type(made) is type(plain)
        made.models.list()
    assert tokeneff.usage(plain).total.calls == 2
    compared("openai", 2)


def test_wrapping_an_installed_client_is_one_wrapping(provider: FakeProvider) -> None:
    tokeneff.install()
    client = openai.OpenAI(api_key="k", base_url=provider.openai_url)
    assert tokeneff.wrap(client) is client
    assert tokeneff.wrap(client, stream_usage="off") is not client
    tokeneff.uninstall()
    client.models.list()
    assert tokeneff.usage(client).total.calls == 1


def test_installing_again_changes_the_arguments(provider: FakeProvider) -> None:
    tokeneff.install(metric_tags=("one",))
    first = openai.OpenAI(api_key="k")
    tokeneff.install(metric_tags=("two",))
    second = openai.OpenAI(api_key="k")
    assert [vars(one)["_tokeneff"].arguments for one in (first, second)] == [
        {"metric_tags": ("one",)},
        {"metric_tags": ("two",)},
    ]
    with pytest.raises(ValueError, match="stream_usage must be 'ask' or 'off'"):
        tokeneff.install(stream_usage="on")  # type: ignore[arg-type]


def test_constructors_that_fail_fail_alike() -> None:
    def failures() -> list[Any]:
        told: list[Any] = []
        for make in (
            lambda: openai.OpenAI(),
            lambda: openai.OpenAI(nonsense=1),  # type: ignore[call-arg]
            lambda: openai.AzureOpenAI(api_key="k"),
            lambda: anthropic.Anthropic(http_client="no client"),  # type: ignore[arg-type]
        ):
            try:
                make()
            except Exception as error:  # noqa: BLE001 - compared
                told.append((type(error), str(error)))
        return told

    bare = failures()
    tokeneff.install()
    assert failures() == bare
    assert len(bare) == 4


async def test_an_async_client(provider: FakeProvider, compared: Compared) -> None:
    tokeneff.install()
    async with anthropic.AsyncAnthropic(api_key="k", base_url=provider.anthropic_url) as client:
        replies = await asyncio.gather(
            *(client.messages.create(model="m", max_tokens=5, messages=HELLO) for _ in range(3))
        )
    assert [type(reply).__name__ for reply in replies] == ["Message"] * 3
    assert tokeneff.usage(client).total.calls == 3
    compared("anthropic", 1)


LATER = """
import sys
import tokeneff
tokeneff.install()
assert not {"openai", "anthropic"} & set(sys.modules), "install() imported an SDK"
import openai, anthropic
from tokeneff.testing import FakeProvider
with FakeProvider() as provider:
    client = openai.OpenAI(api_key="k", base_url=provider.openai_url)
    assert type(client).__name__ == "OpenAI" and isinstance(client, openai.OpenAI)
    client.models.list()
    claude = anthropic.Anthropic(api_key="k", base_url=provider.anthropic_url)
    claude.models.list()
    assert tokeneff.usage(client).total.calls == tokeneff.usage(claude).total.calls == 1
    assert openai._base_client.__spec__.loader.get_filename().endswith("_base_client.py")
    tokeneff.uninstall()
    assert "_tokeneff" not in vars(openai.OpenAI(api_key="k"))
    assert "_tokeneff" not in vars(anthropic.Anthropic(api_key="k"))
    assert not [finder for finder in sys.meta_path if type(finder).__module__.startswith("tokeneff")]
print("as it should be")
"""


def test_an_sdk_imported_after_install() -> None:
    done = subprocess.run([sys.executable, "-c", LATER], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("as it should be\n", "")
