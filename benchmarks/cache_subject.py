"""One subject of ``cache.py``, measured in turn with the bare client; prints JSON."""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from openai import OpenAI
from overhead_subject import OPENAI_TOOLS, SMALL, Server, history

CALLS = {"small": 60, "big": 5}
Ask = Callable[[dict[str, Any]], object]
MODEL = "gpt-4o-mini"


def arguments(shape: str) -> dict[str, Any]:
    """A call that a cache may answer."""
    if shape == "small":
        return {"model": MODEL, "messages": SMALL, "temperature": 0}
    return {"model": MODEL, "messages": history(), "tools": OPENAI_TOOLS, "temperature": 0}


@contextmanager
def redis_server(folder: str) -> Iterator[str | None]:
    """A server of its own on loopback, where there is one to start."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        yield None
        return
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with socket.socket() as found:
                if not found.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def tokeneff_stores(url: str, folder: str, redis: str | None) -> Iterator[tuple[str, Ask]]:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

    import tokeneff

    stores = {"memory": "memory://", "sqlite": f"sqlite:///{folder}/cache.db"}
    if redis is not None:
        stores["redis"] = f"{redis}/0"
    for name, store in stores.items():
        client = tokeneff.wrap(OpenAI(base_url=f"{url}/v1", api_key="k"), cache=tokeneff.Cache(store))
        yield name, lambda given, client=client: client.chat.completions.create(**given)
    client = tokeneff.wrap(
        OpenAI(base_url=f"{url}/v1", api_key="k"),
        cache=tokeneff.Cache("memory://observed"),
        tracer_provider=TracerProvider(),
        meter_provider=MeterProvider(),
    )
    yield "memory, observed", lambda given: client.chat.completions.create(**given)


def litellm_stores(url: str, folder: str, redis: str | None) -> Iterator[tuple[str, Ask]]:
    import os

    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm
    from litellm.caching.caching import Cache

    kinds: dict[str, dict[str, Any]] = {"memory": {"type": "local"}, "disk": {"type": "disk"}}
    kinds["disk"]["disk_cache_dir"] = f"{folder}/disk"
    if redis is not None:
        kinds["redis"] = {"type": "redis", "host": "127.0.0.1", "port": redis.rpartition(":")[2]}
    for name, kind in kinds.items():
        litellm.cache = Cache(**kind)
        yield (
            name,
            lambda given: litellm.completion(
                **{**given, "model": f"openai/{MODEL}"}, api_base=f"{url}/v1", api_key="k", caching=True
            ),
        )


def langchain_stores(url: str, folder: str, redis: str | None) -> Iterator[tuple[str, Ask]]:
    from langchain_community.cache import SQLiteCache
    from langchain_core.caches import InMemoryCache
    from langchain_core.globals import set_llm_cache
    from langchain_openai import ChatOpenAI

    for name, cache in {"memory": InMemoryCache(), "sqlite": SQLiteCache(f"{folder}/langchain.db")}.items():
        set_llm_cache(cache)
        model = ChatOpenAI(model=MODEL, temperature=0, base_url=f"{url}/v1", api_key="k")

        def ask(given: dict[str, Any], model: Any = model) -> object:
            bound = model.bind(tools=given["tools"]) if "tools" in given else model
            return bound.invoke([(one["role"], one["content"]) for one in given["messages"]])

        yield name, ask


def gptcache_stores(url: str, folder: str, redis: str | None) -> Iterator[tuple[str, Ask]]:
    from gptcache import Cache
    from gptcache.adapter.api import get, put
    from gptcache.manager import get_data_manager
    from gptcache.processor.pre import get_prompt

    cache = Cache()
    cache.init(
        pre_embedding_func=get_prompt, data_manager=get_data_manager(data_path=f"{folder}/map.txt", max_size=1000)
    )

    def ask(given: dict[str, Any]) -> object:
        prompt = json.dumps(given)
        found = get(prompt, cache_obj=cache)
        if found is None:
            put(prompt, "Hello from the fake provider.", cache_obj=cache)
        return found

    yield "map", ask


SUBJECTS = {
    "tokeneff": tokeneff_stores,
    "LiteLLM": litellm_stores,
    "LangChain": langchain_stores,
    "GPTCache": gptcache_stores,
}


def one_round(ask: Ask, shape: str) -> tuple[float, float]:
    """Wall and CPU microseconds of one call: medians."""
    given, walls, cpus = arguments(shape), [], []
    gc.collect()
    for _ in range(CALLS[shape]):
        wall, cpu = time.perf_counter(), time.thread_time()
        ask(given)
        cpus.append((time.thread_time() - cpu) * 1e6)
        walls.append((time.perf_counter() - wall) * 1e6)
    return statistics.median(walls), statistics.median(cpus)


def sent(bare: OpenAI) -> int:
    """How many requests the provider has had, this one included: it numbers its replies."""
    return int(bare.chat.completions.create(**arguments("small")).id.rpartition("-")[2])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--subject", required=True, choices=list(SUBJECTS))
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    server = Server()
    found: dict[str, Any] = {}
    bare = OpenAI(base_url=f"{server.url}/v1", api_key="k")
    try:
        with tempfile.TemporaryDirectory() as folder, redis_server(folder) as redis:
            for store, ask in SUBJECTS[options.subject](server.url, folder, redis):
                found[store] = {}
                for shape in CALLS:
                    figures: dict[str, list[tuple[float, float]]] = {"bare": [], "hit": []}
                    asked = 0
                    ask(arguments(shape))
                    time.sleep(0.5)  # some put it into their store beside the caller's way
                    for index in range(options.rounds + 1):
                        spent = {"bare": one_round(lambda given: bare.chat.completions.create(**given), shape)}
                        before = sent(bare)
                        spent["hit"] = one_round(ask, shape)
                        asked += sent(bare) - before - 1
                        for kind, one in spent.items() if index else ():
                            figures[kind].append(one)
                    found[store][shape] = {**figures, "asked": asked}
    finally:
        server.close()
        bare.close()
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
