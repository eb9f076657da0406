"""The kinds of clients that people have: every class of both SDKs, each with one loopback provider behind it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import anthropic
import openai
from opentelemetry.sdk.trace import TracerProvider

from probing.memory import in_memory
from tokeneff.testing import FakeProvider

MAJOR = {"openai": int(openai.VERSION.split(".")[0]), "anthropic": int(anthropic.__version__.split(".")[0])}
HTTP_MODULES = {
    "openai": ("httpx",) if MAJOR["openai"] < 2 else ("httpx", "httpx2"),
    "anthropic": ("httpx",) if MAJOR["anthropic"] < 1 else ("httpx2",),
}
_AWS = {"aws_access_key": "AKIDEXAMPLE", "aws_secret_key": "secret", "aws_region": "us-east-1"}
_AZURE = {"api_key": "key", "api_version": "2024-10-21"}


@dataclass(frozen=True)
class Kind:
    """One way of having a client."""

    name: str
    family: str
    awaiting: bool
    make: Callable[[FakeProvider], Any]
    model: str = "fake-model"
    plain: bool = False
    """Whether it is the SDK's first class with nothing special."""
    wire: bool = True
    """Whether faults of the connection reach it as they are."""

    @property
    def id(self) -> str:
        return f"{self.name}-{'async' if self.awaiting else 'sync'}"


class Mine(openai.OpenAI):
    """A user's own client, with a constructor of its own."""

    def __init__(self, provider: FakeProvider, *, tenant: str) -> None:
        super().__init__(api_key="mine", base_url=provider.openai_url)
        self.tenant = tenant

    @property
    def default_headers(self) -> Any:
        return {**super().default_headers, "X-Tenant": self.tenant}

    def greet(self, model: str) -> Any:
        return self.chat.completions.create(model=model, messages=[{"role": "user", "content": self.tenant}])


class AsyncMine(openai.AsyncOpenAI):
    """The same, awaiting."""

    def __init__(self, provider: FakeProvider, *, tenant: str) -> None:
        super().__init__(api_key="mine", base_url=provider.openai_url)
        self.tenant = tenant

    @property
    def default_headers(self) -> Any:
        return {**super().default_headers, "X-Tenant": self.tenant}


class MyClaude(anthropic.Anthropic):
    """A user's own client, which also overrides the door that every call goes through."""

    def __init__(self, provider: FakeProvider) -> None:
        super().__init__(api_key="mine", base_url=provider.anthropic_url)
        self.doors: list[str] = []

    def request(self, cast_to: Any, options: Any, **named: Any) -> Any:
        self.doors.append(options.url)
        return super().request(cast_to, options, **named)


class AsyncMyClaude(anthropic.AsyncAnthropic):
    """The same, awaiting."""

    def __init__(self, provider: FakeProvider) -> None:
        super().__init__(api_key="mine", base_url=provider.anthropic_url)
        self.doors: list[str] = []

    async def request(self, cast_to: Any, options: Any, **named: Any) -> Any:
        self.doors.append(options.url)
        return await super().request(cast_to, options, **named)


def _middleware(awaiting: bool) -> list[Any]:
    def quiet(request: Any, call_next: Any) -> Any:
        return call_next(request)

    async def aquiet(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    return [aquiet if awaiting else quiet]


def _openai(awaiting: bool) -> list[Kind]:
    kind, azure = (openai.AsyncOpenAI, openai.AsyncAzureOpenAI) if awaiting else (openai.OpenAI, openai.AzureOpenAI)
    kinds: dict[str, Callable[[FakeProvider], Any]] = {
        "openai": lambda p: kind(api_key="key", base_url=p.openai_url),
        "openai-strict": lambda p: kind(api_key="key", base_url=p.openai_url, _strict_response_validation=True),
        "openai-dressed": lambda p: kind(
            api_key="key",
            base_url=p.openai_url,
            organization="org",
            project="proj",
            timeout=30,
            max_retries=1,
            default_headers={"X-One": "1", "x-two": "2"},
            default_query={"q": "a b"},
        ),
        "openai-subclass": lambda p: (AsyncMine if awaiting else Mine)(p, tenant="acme"),
        "azure": lambda p: azure(azure_endpoint=p.anthropic_url, **_AZURE),
        "azure-deployment": lambda p: azure(azure_endpoint=p.anthropic_url, azure_deployment="mine", **_AZURE),
    }
    if MAJOR["openai"] >= 2:
        bedrock = openai.AsyncBedrockOpenAI if awaiting else openai.BedrockOpenAI
        kinds["openai-bedrock"] = lambda p: bedrock(api_key="key", aws_region="us-east-1", base_url=p.openai_url)
    made = [
        Kind(name, "openai", awaiting, make, plain=name == "openai", model="gpt-4.1") for name, make in kinds.items()
    ]
    return made + _custom_http("openai", kind, awaiting)


def _anthropic(awaiting: bool) -> list[Kind]:
    def pick(name: str) -> Any:
        return getattr(anthropic, f"Async{name}" if awaiting else name)

    kind = pick("Anthropic")
    kinds: dict[str, Callable[[FakeProvider], Any]] = {
        "anthropic": lambda p: kind(api_key="key", base_url=p.anthropic_url),
        "anthropic-strict": lambda p: kind(api_key="key", base_url=p.anthropic_url, _strict_response_validation=True),
        "anthropic-token": lambda p: kind(auth_token="token", base_url=p.anthropic_url, default_headers={"X-One": "1"}),
        "anthropic-subclass": lambda p: (AsyncMyClaude if awaiting else MyClaude)(p),
        "anthropic-middleware": lambda p: kind(
            api_key="key", base_url=p.anthropic_url, middleware=_middleware(awaiting)
        ),
        "bedrock": lambda p: pick("AnthropicBedrock")(base_url=p.anthropic_url, **_AWS),
        "mantle": lambda p: pick("AnthropicBedrockMantle")(base_url=p.anthropic_url, **_AWS),
        "aws": lambda p: pick("AnthropicAWS")(base_url=p.anthropic_url, workspace_id="w", **_AWS),
        "vertex": lambda p: pick("AnthropicVertex")(
            region="us-east5", project_id="proj", access_token="token", base_url=p.openai_url
        ),
        "google-cloud": lambda p: pick("AnthropicGoogleCloud")(
            project="proj", workspace_id="w", token_provider=lambda: "token", base_url=p.anthropic_url
        ),
        "foundry": lambda p: pick("AnthropicFoundry")(api_key="key", base_url=p.anthropic_url),
    }
    if MAJOR["anthropic"] >= 1:
        kinds["anthropic-untraced"] = lambda p: kind(api_key="key", base_url=p.anthropic_url, open_telemetry=False)
        kinds["anthropic-traced"] = lambda p: kind(
            api_key="key", base_url=p.anthropic_url, open_telemetry={"tracer_provider": TracerProvider()}
        )
    made = [
        Kind(name, "anthropic", awaiting, make, plain=name == "anthropic", model="claude-sonnet-4-5")
        for name, make in kinds.items()
    ]
    return made + _custom_http("anthropic", kind, awaiting)


def _custom_http(family: str, kind: Any, awaiting: bool) -> list[Kind]:
    """Clients with an ``http_client`` of the caller's own, of each library that the line takes."""
    made: list[Kind] = []
    for name in HTTP_MODULES[family]:
        module = import_module(name)
        http = module.AsyncClient if awaiting else module.Client
        own = functools.partial(_with_http, kind, family, lambda p, http=http: http(headers={"x-own": "1"}))
        memory = functools.partial(_with_http, kind, family, functools.partial(in_memory, module, awaiting))
        made.append(Kind(f"{family}-{name}", family, awaiting, own))
        made.append(Kind(f"{family}-{name}-memory", family, awaiting, memory, wire=False))
    return made


def _with_http(kind: Any, family: str, http: Callable[[FakeProvider], Any], provider: FakeProvider) -> Any:
    url = provider.openai_url if family == "openai" else provider.anthropic_url
    return kind(api_key="key", base_url=url, http_client=http(provider))


KINDS: list[Kind] = [kind for awaiting in (False, True) for kind in (*_openai(awaiting), *_anthropic(awaiting))]
