"""The demo's session: what the travel desk does, through whichever clients there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import tokeneff
from tokeneff.cli import _desk as desk

_ROUNDS = 4
_WORDS_READ = 6


@dataclass(frozen=True, slots=True)
class Clients:
    """The wrapped clients of a session and the models to ask; a client is None where its SDK or key is missing."""

    openai: Any = None
    async_openai: Any = None
    anthropic: Any = None
    openai_model: str = ""
    anthropic_model: str = ""
    missing: tuple[str, ...] = ()
    """What is left out, and why."""

    def all(self) -> list[Any]:
        """Return those that are there."""
        return [client for client in (self.openai, self.async_openai, self.anthropic) if client is not None]

    def close(self) -> None:
        """Close the blocking ones; the session closes the other in its event loop."""
        for client in (self.openai, self.anthropic):
            if client is not None:
                client.close()


@dataclass(slots=True)
class Session:
    """One run of the demo: `run()` calls *show* with a step's title and what was said in it."""

    clients: Clients
    tracer: Any
    queue: Callable[[str], None]
    """Tells the built-in provider which step comes; does nothing where the endpoint is a real one."""
    show: Callable[[str, str], None]
    failures: list[str] = field(default_factory=list[str])

    def run(self) -> None:
        """Run every step that there is a client for; a step that fails is noted, and the next one follows."""
        openai, anthropic = self.clients.openai, self.clients.anthropic
        with self.tracer.start_as_current_span("travel desk"), tokeneff.tag(session="travel-desk-1", user="ada"):
            if openai is not None:
                self._step("plan", "a question, two tools, one 429", self._plan)
                self._step("itinerary", "a streamed answer", self._itinerary)
            if anthropic is not None:
                self._step("policy", "Anthropic, a cached system prompt", self._policy)
            if openai is not None:
                self._step("hotels", "three calls at once", lambda: asyncio.run(self._hotels()))
                self._step("letter", "a stream broken off early", self._letter)

    def _step(self, name: str, title: str, work: Callable[[], str]) -> None:
        self.queue(name)
        with self._failing(name), self.tracer.start_as_current_span(name), tokeneff.tag(feature=name):
            self.show(f"{name}: {title}", work())

    @contextmanager
    def _failing(self, name: str) -> Generator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a real endpoint may refuse one thing and do the others
            told = f"{type(error).__name__}: {error}"
            self.failures.append(f"{name}: {told}")
            self.show(name, told)

    def _plan(self) -> str:
        messages: list[Any] = [{"role": "system", "content": desk.SYSTEM}, {"role": "user", "content": desk.QUESTION}]
        said = ""
        for _ in range(_ROUNDS):
            reply = self.clients.openai.chat.completions.create(
                model=self.clients.openai_model, messages=messages, tools=desk.TOOLS
            )
            message = reply.choices[0].message
            said = message.content or said
            if not message.tool_calls:
                break
            messages.append(message.model_dump(exclude_none=True))
            messages += [self._use(call) for call in message.tool_calls]
        return said

    def _use(self, call: Any) -> dict[str, Any]:
        name = call.function.name
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "gen_ai.tool.call.id": call.id}
        with self.tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes):
            return {"role": "tool", "tool_call_id": call.id, "content": desk.call_tool(name, call.function.arguments)}

    def _itinerary(self) -> str:
        with self._stream(f"{desk.QUESTION} {desk.ITINERARY}", stream_options={"include_usage": True}) as stream:
            return "".join(map(_text, stream))

    def _letter(self) -> str:
        said = ""
        with self._stream(desk.LETTER) as stream:
            for chunk in stream:
                said += _text(chunk)
                if said.count(" ") >= _WORDS_READ:
                    break
        return f"{said} …"

    def _stream(self, question: str, **more: Any) -> Any:
        messages = [{"role": "system", "content": desk.SYSTEM}, {"role": "user", "content": question}]
        return self.clients.openai.chat.completions.create(
            model=self.clients.openai_model, messages=messages, stream=True, **more
        )

    def _policy(self) -> str:
        system = [{"type": "text", "text": desk.POLICY, "cache_control": {"type": "ephemeral"}}]
        messages: list[Any] = []
        said: list[str] = []
        for question in (desk.BUDGET, desk.CHANGE):
            messages.append({"role": "user", "content": question})
            reply = self.clients.anthropic.messages.create(
                model=self.clients.anthropic_model, max_tokens=300, system=system, messages=messages
            )
            said.append("".join(block.text for block in reply.content if block.type == "text"))
            messages.append({"role": "assistant", "content": said[-1] or "(nothing)"})
        return "\n".join(said)

    async def _hotels(self) -> str:
        client = self.clients.async_openai

        async def ask(hotel: str) -> str:
            question = f"What may a room at {hotel} in Lisbon cost? One short sentence."
            reply = await client.chat.completions.create(
                model=self.clients.openai_model, messages=[{"role": "user", "content": question}]
            )
            return f"{hotel}: {reply.choices[0].message.content}"

        try:
            return "\n".join(await asyncio.gather(*map(ask, desk.HOTELS)))
        finally:
            await client.close()


def _text(chunk: Any) -> str:
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""
