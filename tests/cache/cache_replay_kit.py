"""Readers of streams, each in a thread or an event loop of its own, and policies that share or keep replies."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import anthropic
import openai

import tokeneff
from tokeneff._flow import Call, Effect, Outcome, Wait, answer, forward
from tokeneff._settings import settings_of
from tokeneff.cache._reply import Reply
from tokeneff.cache._serve import shaped
from tokeneff.cache._tape import Tape
from tokeneff.testing import FakeProvider

PATIENCE = 20.0
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
MODELS = {"openai": "gpt-4.1", "anthropic": "claude-sonnet-4-6"}
Steps = Generator[Effect, Any, Outcome]


def client_of(sdk: str, flavour: str, provider: FakeProvider, policy: Any, *outer: Any, **options: Any) -> Any:
    """A wrapped client of which ``policy`` is the one policy, but for those above it."""
    module: Any = openai if sdk == "openai" else anthropic
    named = {"openai": "OpenAI", "anthropic": "Anthropic"}[sdk]
    kind = getattr(module, named if flavour == "sync" else "Async" + named)
    http = module.DefaultHttpxClient if flavour == "sync" else module.DefaultAsyncHttpxClient
    url = provider.openai_url if sdk == "openai" else provider.anthropic_url
    made = tokeneff.wrap(
        kind(**{"base_url": url, "api_key": "k", "max_retries": 0, "http_client": http(verify=False), **options})
    )
    settings_of(made).policies = (*outer, policy)
    return made


def place(client: Any) -> Any:
    return client.chat.completions if hasattr(client, "chat") else client.messages


def asked(client: Any, **more: Any) -> dict[str, Any]:
    if hasattr(client, "chat"):
        return {"model": MODELS["openai"], "messages": HELLO, **more}
    return {"model": MODELS["anthropic"], "messages": HELLO, "max_tokens": 64, **more}


class Sharing:
    """The first call is sent; every later one is answered as its reply comes, or is sent where that is lost."""

    def __init__(self, **tape: Any) -> None:
        self._options = tape
        self.tape: Tape | None = None
        self.led: list[Outcome] = []
        self.followed: list[Outcome] = []
        self.alone = 0

    def policy(self, call: Call) -> Steps:
        if self.tape is None:
            self.tape = tape = Tape(call, **self._options)
            outcome = yield from forward(call.with_(tape=tape))
            tape.close()
            self.led.append(outcome)
            return outcome
        tape = self.tape
        started = yield Wait(tape.started, PATIENCE)
        if started and tape.fits(call):
            outcome = yield from answer(call, tape)
            if outcome.failure is None or outcome.failure.type != "tokeneff.ReplyLost":
                self.followed.append(outcome)
                return outcome
        self.alone += 1
        return (yield from forward(call))


class Keeping:
    """What was kept answers every later call, in its own shape."""

    def __init__(self, pace: Any = "at once", **tape: Any) -> None:
        self._options = tape
        self._pace = pace
        self.tapes: list[Tape] = []
        self.reply: Reply | None = None
        self.served: list[Outcome] = []
        self.unshaped = 0

    def policy(self, call: Call) -> Steps:
        reply = None if self.reply is None else shaped(self.reply, call)
        if reply is not None:
            outcome = yield from answer(call, reply, self._pace)
            self.served.append(outcome)
            return outcome
        self.unshaped += self.reply is not None
        tape = Tape(call, **self._options)
        self.tapes.append(tape)
        outcome = yield from forward(call.with_(tape=tape))
        tape.close()
        self.reply = self.reply or tape.reply
        return outcome


class Reader:
    """One that reads a stream, in a place of its own: each step is asked for, and comes as a Future."""

    def __init__(self, client: Any, flavour: str, **more: Any) -> None:
        self.client = client
        self.stream: Any = None
        self._more = {"stream": True, **more}
        self._awaiting = flavour == "async"
        self._task: asyncio.Task[Any] | None = None
        if self._awaiting:
            self.loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
            self._thread.start()
        else:
            self._pool = ThreadPoolExecutor(1)

    def _do(self, blocking: Callable[[], Any], awaiting: Callable[[], Any]) -> Future[Any]:
        if not self._awaiting:
            return self._pool.submit(blocking)

        async def run() -> Any:
            self._task = asyncio.current_task()
            return await awaiting()

        return asyncio.run_coroutine_threadsafe(run(), self.loop)

    def open(self) -> Future[Any]:
        def opened() -> None:
            self.stream = place(self.client).create(**asked(self.client, **self._more))

        async def aopened() -> None:
            self.stream = await place(self.client).create(**asked(self.client, **self._more))

        return self._do(opened, aopened)

    def next(self) -> Future[Any]:
        async def anext_() -> Any:
            return plain(await anext(self.stream, None))

        return self._do(lambda: plain(next(self.stream, None)), anext_)

    def rest(self) -> Future[list[Any]]:
        async def arest() -> list[Any]:
            return [plain(item) async for item in self.stream]

        return self._do(lambda: [plain(item) for item in self.stream], arest)

    def close(self) -> Future[Any]:
        return self._do(lambda: self.stream.close(), lambda: self.stream.close())

    def drop(self) -> Future[Any]:
        def dropped() -> None:
            self.stream = None
            gc.collect()

        async def adropped() -> None:
            dropped()
            for _ in range(3):
                await asyncio.sleep(0)

        return self._do(dropped, adropped)

    def cancel(self) -> None:
        """Cancel what is being awaited."""
        assert self._task is not None
        self.loop.call_soon_threadsafe(self._task.cancel)

    def end(self) -> None:
        if self._awaiting:
            asyncio.run_coroutine_threadsafe(self.client.close(), self.loop).result(PATIENCE)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(PATIENCE)
            self.loop.close()
        else:
            self._pool.shutdown()
            self.client.close()


def plain(item: Any) -> Any:
    return None if item is None else item.to_dict()
