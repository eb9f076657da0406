"""Where a probe runs: one client, one provider, and a log of what was observed.

A probe is one coroutine function for blocking and awaiting clients. For a blocking client it runs without an event
loop, for then nothing in it ever suspends.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from probing.observing import observe
from tokeneff.testing import FakeProvider

Use = Callable[[Any], Any]


class Lab:
    """What a probe is given."""

    def __init__(self, provider: FakeProvider, family: str, *, awaiting: bool, model: str, wire: bool = True) -> None:
        self.provider = provider
        self.family = family
        self.awaiting = awaiting
        self.model = model
        self.wire = wire
        """Whether replies come over a connection; else they are in memory at once."""
        self.client: Any = None
        self.log: list[tuple[str, Any]] = []
        self.failures = 0
        self.seen: int | None = None
        """The calls in the totals when the probe was over; ``None`` for a bare client."""
        self.unordered = False
        """Whether the order of the requests is of no matter, as with threads."""

    def note(self, name: str, value: Any) -> None:
        """Put an observation into the log."""
        self.log.append((name, observe(value)))

    async def settled(self, value: Any) -> Any:
        """``value``, awaited where it is to be awaited."""
        return await value if inspect.isawaitable(value) else value

    async def call(self, use: Use, name: str = "reply", *, client: Any = None) -> Any:
        """Make a call and note its reply, to the last chunk or page, or its error. Returns the reply."""
        try:
            reply = await self.settled(use(self.client if client is None else client))
            await self.read(reply, name)
        except Exception as error:  # noqa: BLE001 - an error is as good an observation as a reply
            self.failed(error, name)
            return None
        return reply

    def failed(self, error: BaseException, name: str) -> None:
        """Note an error."""
        self.failures += 1
        self.note(f"{name} error", error)

    async def read(self, reply: Any, name: str) -> None:
        """Note a reply; one that comes in pieces is read to its end."""
        kind = type(reply).__name__
        if kind in ("Stream", "AsyncStream", "JSONLDecoder", "AsyncJSONLDecoder"):
            self.stream(reply, name)
            async for item in self.each(reply):
                self.note(f"{name} chunk", item)
            self.note(f"{name} response", getattr(reply, "response", None))
        elif hasattr(reply, "has_next_page"):
            self.note(name, reply)
            async for item in self.each(reply):
                self.note(f"{name} item", item)
        else:
            self.note(name, reply)
            if kind.endswith(("BinaryResponseContent", "BinaryAPIResponse")):
                self.note(f"{name} bytes", await self.settled(reply.read()))

    def stream(self, stream: Any, name: str) -> None:
        """Note what a stream is before it is read."""
        keys = set(vars(stream))
        if not self.wire:
            keys -= {"_iterator"}  # some lines make it only when it is first used; a body in memory is watched by it
        self.note(f"{name} stream", [type(stream), sorted(keys)])

    async def each(self, items: Any) -> AsyncIterator[Any]:
        """The items of an iterable of either kind."""
        if hasattr(items, "__aiter__"):
            async for item in items:
                yield item
        else:
            for item in items:
                yield item

    @asynccontextmanager
    async def entered(self, manager: Any) -> AsyncIterator[Any]:
        """A context manager of either kind, entered."""
        if hasattr(manager, "__aenter__"):
            async with manager as value:
                yield value
        else:
            with manager as value:
                yield value

    def part(self, *paths: str, client: Any = None) -> Any:
        """The first of these resources that the SDK line has: ``lab.part("files", "beta.files")``."""
        for path in paths:
            found: Any = self.client if client is None else client
            for step in path.split("."):
                found = getattr(found, step, None)
                if found is None:
                    break
            else:
                return found
        raise LookupError(f"this line has none of {', '.join(paths)}")


@dataclass(frozen=True)
class Probe:
    """One thing that programs do with a client."""

    name: str
    family: str
    run: Callable[[Lab], Awaitable[None]]
    wide: bool = True
    """Whether it runs on every kind of client; else only on the plain ones."""
    fails: bool = False
    """Whether errors are what it is about."""
    counted: bool = True
    """Whether each first attempt on the wire is one call in the totals."""
    leaves: bool = False
    """Whether it leaves streams unread: of one in memory nobody is told the end until it is let go."""
    only: str | None = None
    """``"sync"`` or ``"async"`` for what only one of them can do."""
    wire: bool = False
    """Whether it needs the connection itself, and not replies that are in memory."""
    kinds: tuple[str, ...] = field(default=())
    """The kinds of clients that it runs on, where these are to be named."""

    def fits(self, kind: Any) -> bool:
        """Whether it is to run on this kind of client."""
        if kind.family != self.family or (self.wire and not kind.wire):
            return False
        if self.only is not None and (self.only == "async") != kind.awaiting:
            return False
        return kind.name in self.kinds if self.kinds else self.wide or kind.plain


PROBES: list[Probe] = []


def probe(*families: str, **traits: Any) -> Callable[[Callable[[Lab], Coroutine[Any, Any, None]]], Any]:
    """Put a coroutine function into the table, once for each family."""

    def add(run: Callable[[Lab], Coroutine[Any, Any, None]]) -> Any:
        PROBES.extend(Probe(run.__name__, family, run, **traits) for family in families)
        return run

    return add


def drive(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never suspends."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    work.close()
    raise RuntimeError("a probe of a blocking client awaited something")
