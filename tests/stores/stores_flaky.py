"""A store that goes away, and is back, when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stores_kit import Clock

from tokeneff.errors import StoreUnavailable
from tokeneff.stores.memory import MemoryStore

ASKED = ("reserve", "extend", "settle", "renew", "once")


class Flaky(MemoryStore):
    """A store that is away when told to be: before it takes a step, or after, so that only its answer is lost."""

    instant = False

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.away = self.mute = False
        self.upon: Callable[[str, str], None] = lambda step, hold: None
        """Called when a step was taken, before it is answered."""

    def now(self) -> int:
        self._reached()
        return super().now()

    def _reached(self) -> None:
        if self.away:
            raise StoreUnavailable("it is away")


def _step(name: str) -> Any:
    bare: Any = getattr(MemoryStore, name)

    def step(self: Flaky, first: Any, *args: Any, **more: Any) -> Any:
        self._reached()
        answer = bare(self, first, *args, **more)
        self.upon(name, first)
        if self.mute:
            self.away = True
            raise StoreUnavailable("its answer is lost")
        return answer

    return step


for _name in ASKED:
    setattr(Flaky, _name, _step(_name))
