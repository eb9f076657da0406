"""One subject of ``overhead.py``, measured in turn with the bare client; prints JSON."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import tokeneff

SMALL: list[Any] = [{"role": "user", "content": "Say hello."}]
SHORT, LONG = 20, 220
CALLS = {"small": 40, "big": 3, "chunk": 3}
PACKAGES = (
    "openai",
    "anthropic",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation-genai-openai",
    "openinference-instrumentation-openai",
    "opentelemetry-instrumentation-openai",
    "langfuse",
)


class Nowhere(SpanExporter):
    """Takes spans and does nothing with them."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def history() -> list[Any]:
    """200 messages of about 500 tokens each."""
    words = "The quick brown fox jumps over the lazy dog while reading a long tool result. " * 30
    turns = ("user", "assistant")
    return [{"role": turns[number % 2], "content": f"{number}: {words}"} for number in range(200)]


def schema(number: int) -> dict[str, Any]:
    """A tool's parameters."""
    fields = {f"field_{n}": {"type": "string", "description": "What to look for. " * 4} for n in range(8)}
    return {"type": "object", "properties": fields, "required": [f"field_{number % 8}"]}


OPENAI_TOOLS: list[Any] = [
    {"type": "function", "function": {"name": f"tool_{n}", "description": "Looks up. " * 20, "parameters": schema(n)}}
    for n in range(20)
]
ANTHROPIC_TOOLS: list[Any] = [
    {"name": f"tool_{n}", "description": "Looks up. " * 20, "input_schema": schema(n)} for n in range(20)
]


class Subject:
    """Makes calls observed (``on``) or not."""

    def __init__(self, name: str) -> None:
        self.reader = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.spans = BatchSpanProcessor(Nowhere())
        self.tracers.add_span_processor(self.spans)
        self.meters = MeterProvider(metric_readers=[self.reader])
        self.folder = tempfile.TemporaryDirectory()
        self.name = name
        self._instrumentors = self._find()

    def _find(self) -> list[Any]:
        if self.name == "official":
            from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
            from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
        elif self.name == "OpenInference":
            from openinference.instrumentation.anthropic import AnthropicInstrumentor
            from openinference.instrumentation.openai import OpenAIInstrumentor
        elif self.name == "OpenLLMetry":
            from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
            from opentelemetry.instrumentation.openai import OpenAIInstrumentor
        else:
            return []
        return [OpenAIInstrumentor(), AnthropicInstrumentor()]

    def start(self, client: Any) -> Any:
        """The client to call; from now on calls are observed."""
        if self.name == "tokeneff, no SDK set":
            return tokeneff.wrap(client)
        if self.name.startswith("tokeneff"):
            content = self.name.endswith("content")
            ledger = f"sqlite:///{self.folder.name}/calls.db" if self.name.endswith("ledger") else False
            return tokeneff.wrap(
                client,
                tracer_provider=self.tracers,
                meter_provider=self.meters,
                capture_content=content,
                ledger=ledger,
            )
        for instrumentor in self._instrumentors:
            instrumentor.instrument(tracer_provider=self.tracers, meter_provider=self.meters)
        if self.name == "Langfuse":
            import langfuse.openai  # noqa: F401 - patches as it is imported
            from langfuse import Langfuse

            Langfuse(public_key="k", secret_key="s", base_url="http://127.0.0.1:9", tracer_provider=self.tracers)
        return client

    def stop(self) -> None:
        """Calls are bare again."""
        for instrumentor in self._instrumentors:
            instrumentor.uninstrument()

    def settle(self) -> None:
        """Do what was put off."""
        self.reader.collect()
        self.spans.force_flush()


class Server:
    """The fake provider in a process of its own, so that its work is not counted."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "tokeneff.testing", "--port", "0", "--print-url", *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


def calls(family: str, shape: str) -> tuple[dict[str, Any], int]:
    """Arguments of a call of this shape, and how many make a round."""
    big = shape == "big"
    arguments: dict[str, Any] = {"model": "some-model", "messages": history() if big else SMALL}
    if big:
        arguments["tools"] = OPENAI_TOOLS if family == "openai" else ANTHROPIC_TOOLS
    if family == "anthropic":
        arguments["max_tokens"] = 100
    if shape == "chunk":
        arguments["stream"] = True
    return arguments, CALLS[shape]


def method(client: Any, family: str) -> Callable[..., Any]:
    return client.chat.completions.create if family == "openai" else client.messages.create


def clients(family: str, url: str, *, awaiting: bool) -> Any:
    if family == "openai":
        return (AsyncOpenAI if awaiting else OpenAI)(base_url=f"{url}/v1", api_key="k")
    # Spans of the SDK's own are off, so that the bare client is bare.
    return (AsyncAnthropic if awaiting else Anthropic)(base_url=url, api_key="k", open_telemetry=False)


def sync_round(client: Any, family: str, shape: str) -> None:
    arguments, number = calls(family, shape)
    for _ in range(number):
        reply = method(client, family)(**arguments)
        if shape == "chunk":
            for _event in reply:
                pass
        elif shape == "big":
            arguments["messages"] = [*arguments["messages"], *history()[:2]]


async def async_round(client: Any, family: str, shape: str) -> None:
    arguments, number = calls(family, shape)
    for _ in range(number):
        reply = await method(client, family)(**arguments)
        if shape == "chunk":
            async for _event in reply:
                pass


def timed(subject: Subject, work: Callable[[], object], number: int) -> tuple[float, float]:
    gc.collect()
    thread, process = time.thread_time(), time.process_time()
    work()
    subject.settle()
    return (time.thread_time() - thread) / number * 1e6, (time.process_time() - process) / number * 1e6


Figures = dict[str, dict[str, list[float]]]


def compare(
    subject: Subject, rounds: int, only: str | None, family: str, shape: str, url: str, awaiting: bool
) -> Figures:
    """CPU microseconds per call, bare and observed, round by round."""
    found: Figures = {"thread": {"bare": [], "on": []}, "process": {"bare": [], "on": []}}
    loop = asyncio.new_event_loop() if awaiting else None
    bare = clients(family, url, awaiting=awaiting)
    number = CALLS[shape]
    last: Any = bare

    def work(client: Any) -> Callable[[], object]:
        if loop is not None:
            return lambda: loop.run_until_complete(async_round(client, family, shape))
        return lambda: sync_round(client, family, shape)

    for index in range(rounds + 2):
        for kind in ("bare", "on"):
            if only not in (None, kind):
                continue
            if kind == "on":
                # One wrapping for all rounds, as an application has: what it remembers, it remembers.
                last = last if last is not bare else subject.start(bare)
            spent = timed(subject, work(last if kind == "on" else bare), number)
            if kind == "on" and not subject.name.startswith("tokeneff"):
                subject.stop()
                last = bare
            if index >= 2:  # the first two warm up
                found["thread"][kind].append(spent[0])
                found["process"][kind].append(spent[1])
    close(bare, loop)
    return found


def close(client: Any, loop: asyncio.AbstractEventLoop | None) -> None:
    if loop is None:
        client.close()
        return
    closing: Awaitable[None] = client.close()
    loop.run_until_complete(asyncio.ensure_future(closing, loop=loop))
    loop.close()


def per_chunk(short: Figures, long: Figures) -> Figures:
    """The difference of two lengths of stream, by chunk: what a call costs once falls out."""
    return {
        clock: {
            kind: [(b - a) / (LONG - SHORT) for a, b in zip(short[clock][kind], long[clock][kind], strict=True)]
            for kind in short[clock]
        }
        for clock in short
    }


def versions() -> str:
    found: list[str] = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--subject", required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", choices=("bare", "on"))
    parser.add_argument("--shapes", default="small,big,chunk", help="comma-separated")
    parser.add_argument("--sync", action="store_true", help="blocking clients only")
    options = parser.parse_args()
    subject = Subject(options.subject)
    short, long = Server("--chunks", str(SHORT)), Server("--chunks", str(LONG))
    shapes: dict[str, Figures] = {}
    try:
        for awaiting in (False,) if options.sync else (False, True):
            for family in ("openai", "anthropic"):
                for shape in options.shapes.split(","):
                    if awaiting and shape == "big":
                        continue
                    name = f"{family} {'async ' if awaiting else ''}{shape}"
                    given = (subject, options.rounds, options.only, family, shape)
                    figures = compare(*given, short.url, awaiting)
                    shapes[name] = (
                        per_chunk(figures, compare(*given, long.url, awaiting)) if shape == "chunk" else figures
                    )
    finally:
        short.close()
        long.close()
    print(json.dumps({"versions": versions(), "shapes": shapes}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
