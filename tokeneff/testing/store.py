"""What the fake provider remembers between requests: files, batches, responses."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

_KEPT = 1000  # of each kind: a long benchmark must not grow without end


class Store:
    """Objects by kind and id, oldest dropped first."""

    def __init__(self, models: tuple[str, ...] = ()) -> None:
        self.models = models
        self._lock = Lock()
        self._kinds: dict[str, OrderedDict[str, Any]] = {}

    def put(self, kind: str, key: str, value: Any) -> None:
        with self._lock:
            things = self._kinds.setdefault(kind, OrderedDict())
            things[key] = value
            if len(things) > _KEPT:
                things.popitem(last=False)

    def get(self, kind: str, key: str) -> Any:
        with self._lock:
            things = self._kinds.get(kind)
            return things.get(key) if things else None

    def pop(self, kind: str, key: str) -> Any:
        with self._lock:
            things = self._kinds.get(kind)
            return things.pop(key, None) if things else None

    def all(self, kind: str) -> list[Any]:
        with self._lock:
            things = self._kinds.get(kind)
            return list(things.values()) if things else []
